// The top of /proc: fixed files, and a directory per process.
#include "fs/proc/items.h"
#include "fs/proc/proc.h"
#include "kernel/process/tree.h"
#include <linux/magic.h>

namespace proc {
namespace {
constexpr u64 root_number = 1;
constexpr pseudo::Superblock::Kind kind{"proc", PROC_SUPER_MAGIC, 1024, S_IFDIR | 0555, root_items};

class Root final : public pseudo::NumberDirectory {
public:
    Root(vfs::Superblock& sb, const Context& context)
        : NumberDirectory{sb, root_number, kind.root_mode, context, root_items} {}

private:
    Result<Ref<vfs::Inode>> find(u32 pid) override {
        if (pid == 0 || pid > u32{pid_max}) return err::noent;
        return make_process_directory(superblock(), *context_.view, static_cast<Pid>(pid));
    }
    Result<u32> next(u32 from) override {
        return static_cast<u32>(TRY(process::next(context_.pids(), static_cast<Pid>(from)))->pid(context_.pids()));
    }
    Entry entry(u32 pid) const override { return {process_number(static_cast<Pid>(pid))}; }
};

class Superblock final : public pseudo::Superblock {
public:
    explicit Superblock(const vfs::MountRequest& by) : pseudo::Superblock{kind, by} {}
    Result<Ref<vfs::Inode>> root() override { return TRY(make_ref<Root>(*this, context_)); }
};

Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest& request) { return TRY(make_ref<Superblock>(request)); }
} // namespace

constinit const vfs::FilesystemType type{
    .name = "proc", .needs_device = false, .mountable_in_container = true, .mount = mount};
} // namespace proc
