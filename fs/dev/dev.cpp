#include "fs/dev/dev.h"
#include "kernel/vfs/device.h"
#include <linux/major.h>
#include <linux/stat.h>

namespace devtmpfs {
namespace {
struct Node {
    std::string_view name;
    u32 mode, major = 0, minor = 0;
    std::string_view target = {};
};
constexpr Node nodes[] = {
    {"null", S_IFCHR | 0666, MEM_MAJOR, 3},
    {"zero", S_IFCHR | 0666, MEM_MAJOR, 5},
    {"full", S_IFCHR | 0666, MEM_MAJOR, 7},
    {"random", S_IFCHR | 0666, MEM_MAJOR, 8},
    {"urandom", S_IFCHR | 0666, MEM_MAJOR, 9},
    {"kmsg", S_IFCHR | 0644, MEM_MAJOR, 11},
    {"vsock", S_IFCHR | 0666, MISC_MAJOR, 258},
    {"tty", S_IFCHR | 0666, TTYAUX_MAJOR, 0},
    {"console", S_IFCHR | 0600, TTYAUX_MAJOR, 1},
    {"ptmx", S_IFCHR | 0666, TTYAUX_MAJOR, 2},
    {"pts", S_IFDIR | 0755},
    {"shm", S_IFDIR | 01777},
    {"fd", S_IFLNK | 0777, 0, 0, "/proc/self/fd"},
    {"stdin", S_IFLNK | 0777, 0, 0, "/proc/self/fd/0"},
    {"stdout", S_IFLNK | 0777, 0, 0, "/proc/self/fd/1"},
    {"stderr", S_IFLNK | 0777, 0, 0, "/proc/self/fd/2"},
};

/// A tmpfs that starts with the nodes. File systems do not know each other: it is asked for by name.
Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest& request) {
    const vfs::FilesystemType* tmpfs = vfs::find_filesystem("tmpfs");
    if (!tmpfs) return err::nodev;
    auto superblock = TRY(tmpfs->mount(
        {request.source, request.options.empty() ? "mode=755" : request.options, request.flags, request.view}));
    auto root = TRY(superblock->root());
    vfs::Directory& names = *root->directory();
    Holding held{names.lock};
    for (const Node& n : nodes)
        TRY(names.create(n.name, {n.mode, Kuid{0}, Kgid{0}, device::number(n.major, n.minor), n.target}));
    return superblock;
}
} // namespace

constinit const vfs::FilesystemType type{.name = "devtmpfs", .mount = mount};
} // namespace devtmpfs
