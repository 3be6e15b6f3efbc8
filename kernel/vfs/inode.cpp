#include "kernel/vfs/inode.h"
#include "core/sync/once.h"
#include "core/wait/retire.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/operations.h"
#include "kernel/vfs/path.h"
#include <linux/fs.h>
#include <linux/stat.h>

namespace vfs {
namespace {
constinit std::atomic<u32> next_device = 1;
std::span<const FilesystemType* const> types;
} // namespace

Inode::Inode(Superblock& superblock, u64 number, u32 mode)
    : type_{mode & S_IFMT}, superblock_{Ref<Superblock>::share(&superblock)}, number_{number} {
    count.add(1);
}
Inode::~Inode() {
    count.add(-1);
    delete attachments_.load(std::memory_order_relaxed);
}

bool Inode::is_directory() const { return S_ISDIR(type_); }
bool Inode::is_symlink() const { return S_ISLNK(type_); }
bool Inode::is_regular() const { return S_ISREG(type_); }

void Inode::operator delete(void* memory) { epoch::retire(memory); }
void Inode::publish(const Protection& p, bool capabilities, u32 flags) {
    flags_.store(flags, std::memory_order_relaxed);
    privileged_.store(capabilities || p.mode & (S_ISUID | S_ISGID), std::memory_order_relaxed);
    uid_.store(static_cast<u32>(p.uid), std::memory_order_relaxed);
    gid_.store(static_cast<u32>(p.gid), std::memory_order_relaxed);
    mode_.store(p.mode, std::memory_order_relaxed);
}
bool Inode::immutable() const { return published_flags() & FS_IMMUTABLE_FL; }
bool Inode::append_only() const { return published_flags() & FS_APPEND_FL; }
bool Inode::keeps_access_time() const { return published_flags() & FS_NOATIME_FL; }
Protection Inode::unpublished_protection() {
    Attributes a = attributes();
    return {a.mode, a.uid, a.gid};
}
Result<> Inode::change(const AttributeChange&) { return err::perm; }

Result<Ref<File>> Inode::open(const Path& path, u32 flags) { return open_inode(path, flags); }

Result<usize> Inode::get_xattr(std::string_view, std::span<std::byte>) { return err::opnotsupp; }
Result<> Inode::set_xattr(std::string_view, std::span<const std::byte>, int) { return err::opnotsupp; }
Result<usize> Inode::list_xattr(std::span<char>) { return err::opnotsupp; }
Result<> Inode::remove_xattr(std::string_view) { return err::opnotsupp; }

Inode::Attachments* Inode::attachments() {
    Attachments* there = attachments_.load(std::memory_order_acquire);
    if (there) return there;
    auto made = make<Attachments>(*this);
    return made ? &keep_first(attachments_, std::move(*made)) : nullptr;
}

Result<Ref<Inode>> Directory::create(std::string_view, const NewInode&) { return err::perm; }
Result<> Directory::link(std::string_view, Inode&) { return err::perm; }
Result<> Directory::unlink(std::string_view, Inode&) { return err::perm; }
Result<> Directory::rmdir(std::string_view, Inode&) { return err::perm; }
Result<> Directory::rename(std::string_view, Inode&, Directory&, std::string_view, Inode*, unsigned) {
    return err::perm;
}
Result<Ref<Inode>> Directory::create_unnamed(const NewInode&) { return err::opnotsupp; }
Result<Path> Symlink::jump() { return Path{}; }

Superblock::Superblock(u32 block_size_)
    : created{now()}, block_size{block_size_}, device_{next_device.fetch_add(1, std::memory_order_relaxed)} {}
Superblock::~Superblock() = default;
Result<Ref<Superblock>> Superblock::snapshot(Inode&) { return err::opnotsupp; }
Result<> Superblock::reconfigure(std::string_view options) {
    if (!options.empty()) return err::inval;
    return {};
}

std::span<const FilesystemType* const> filesystem_types() { return types; }
void set_filesystem_types(std::span<const FilesystemType* const> all) { types = all; }
const FilesystemType* find_filesystem(std::string_view name) {
    for (const FilesystemType* t : types)
        if (t->name == name) return t;
    return nullptr;
}
} // namespace vfs
