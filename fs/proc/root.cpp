// The top of /proc: fixed files, and a directory per process.
#include "fs/proc/node.h"
#include "fs/proc/proc.h"
#include "kernel/file/current.h"
#include "kernel/process/tree.h"
#include "lib/numbers.h"
#include <linux/magic.h>
#include <linux/stat.h>

namespace proc {
namespace {
constexpr u64 root_number = 1;
constexpr u64 first_process = 1024; // positions of processes begin behind the fixed items

class Root final : public ItemDirectory {
public:
    explicit Root(Superblock& sb)
        : ItemDirectory{sb, root_number, S_IFDIR | 0555, Context{sb.view, {}, {}}, root_items} {}
    bool volatile_names() const override { return true; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
        auto pid = parse_number<u32>(name);
        if (pid && name[0] != '0' && *pid <= static_cast<u32>(pid_max))
            return make_process_directory(sb(), *sb().view, static_cast<Pid>(*pid));
        return ItemDirectory::lookup(name);
    }
    Result<> read(DirectorySink& to, u64* at) override {
        if (*at < first_process) {
            TRY(ItemDirectory::read(to, at));
            if (*at < items_.size() + 2) return {}; // no room
            *at = first_process;
        }
        while (true) {
            auto next = process::next(*sb().view->pids, static_cast<Pid>(*at - first_process));
            if (!next) return {};
            Pid pid = (*next)->pid(*sb().view->pids);
            char text[12];
            BufferWriter name{text};
            print(name, "{}", pid);
            if (!to.entry(name.text(), process_number(pid), file::entry_type(S_IFDIR),
                          first_process + static_cast<u64>(pid) + 1))
                return {};
            *at = first_process + static_cast<u64>(pid) + 1;
        }
    }
};

Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest& request) { return TRY(make_ref<Superblock>(request.view)); }
} // namespace

constinit const vfs::FilesystemType type{
    .name = "proc", .needs_device = false, .mountable_in_container = true, .mount = mount};

Result<Ref<vfs::Inode>> Superblock::root() { return TRY(make_ref<Root>(*this)); }
vfs::Statistics Superblock::statistics() { return {.type = PROC_SUPER_MAGIC}; }
} // namespace proc
