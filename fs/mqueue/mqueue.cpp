#include "fs/mqueue/mqueue.h"
#include "kernel/vfs/operations.h"
#include <linux/stat.h>

namespace mqueue {
namespace {
constexpr u64 magic = 0x19800202;

class Superblock final : public vfs::Superblock {
public:
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {.type = magic}; }
    std::string_view type_name() const override { return "mqueue"; }
    const vfs::Timestamp mounted = vfs::now();
};

class Root final : public vfs::Inode, public vfs::Directory {
public:
    explicit Root(Superblock& of) : Inode{of, 1, S_IFDIR}, mounted_{of.mounted} {}
    vfs::Attributes attributes() override {
        vfs::Attributes a;
        a.number = 1;
        a.mode = S_IFDIR | 01777;
        a.links = 2;
        a.access = a.modification = a.change = a.birth = mounted_;
        return a;
    }
    vfs::Directory* directory() override { return this; }
    Result<Ref<vfs::Inode>> lookup(std::string_view) override { return err::noent; }
    Result<> read(DirectorySink&, u64*) override { return {}; }

private:
    const vfs::Timestamp mounted_;
};

Result<Ref<vfs::Inode>> Superblock::root() { return TRY(make_ref<Root>(*this)); }
Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest&) { return TRY(make_ref<Superblock>()); }
} // namespace

constinit const vfs::FilesystemType type{.name = "mqueue", .mountable_in_container = true, .mount = mount};
} // namespace mqueue
