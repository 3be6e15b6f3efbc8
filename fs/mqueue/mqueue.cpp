#include "fs/mqueue/mqueue.h"
#include "fs/pseudo/inode.h"

namespace mqueue {
namespace {
constexpr u64 magic = 0x19800202;
constexpr pseudo::Items nothing;
constexpr pseudo::Superblock::Kind kind{"mqueue", magic, page_size, S_IFDIR | 01777, nothing, true};
} // namespace

constinit const vfs::FilesystemType type{
    .name = "mqueue", .mountable_in_container = true, .mount = pseudo::mount<kind>};
} // namespace mqueue
