// Listing directories; making, removing and renaming names.
#include "abi/linux/sys/directory.h"
#include "abi/linux/sys/places.h"
#include "kernel/vfs/device.h"
#include <linux/capability.h>
#include <linux/fcntl.h>

namespace linux_abi::sys {
namespace {
/// Entries in the layout of struct linux_dirent64 (which the UAPI headers lack) or, for getdents, of linux_dirent.
class EntryBuffer final : public DirectorySink {
public:
    EntryBuffer(std::span<std::byte> to, bool old_layout) : to_{to}, old_{old_layout} {}
    bool entry(std::string_view name, u64 inode, unsigned type, u64 next) override {
        usize head = old_ ? 18 : 19; // inode, offset, record length, and in the new layout the type
        usize size = align_up(head + name.size() + 1 + (old_ ? 1 : 0), 8);
        if (size > to_.size() - used_) {
            full_ = true;
            return false;
        }
        std::byte* at = to_.data() + used_;
        std::memset(at + size - 16, 0, 16); // up to nine bytes behind the name stay so
        auto length = static_cast<u16>(size);
        auto kind = static_cast<u8>(type);
        std::memcpy(at, &inode, 8);
        std::memcpy(at + 8, &next, 8);
        std::memcpy(at + 16, &length, 2);
        std::memcpy(at + (old_ ? size - 1 : 18), &kind, 1);
        std::memcpy(at + head, name.data(), name.size());
        used_ += size;
        return true;
    }
    usize used() const { return used_; }
    bool full() const { return full_; }

    struct Whole {
        usize size = 0;
        u64 next = 0; // the position behind
    };
    /// How far take(entry) succeeds.
    template <class Take>
    static Whole whole_entries(std::span<const std::byte> all, Take take) {
        Whole whole;
        while (whole.size < all.size()) {
            const std::byte* at = all.data() + whole.size;
            u16 length;
            std::memcpy(&length, at + 16, 2);
            if (!take(std::span{at, length})) break;
            std::memcpy(&whole.next, at + 8, 8);
            whole.size += length;
        }
        return whole;
    }

private:
    std::span<std::byte> to_;
    usize used_ = 0;
    bool old_, full_ = false;
};

Result<usize> list(Task& task, Fd fd, UserPtr<std::byte> to, u32 size, bool old_layout) {
    constexpr usize most = 32 * KiB;
    if (static_cast<int>(size) < 0) return err::inval;
    auto file = TRY(task.files->hold(static_cast<int>(fd)));
    if (size > most) size = most;
    std::unique_ptr<std::byte[]> memory{new (std::nothrow) std::byte[size]}; // not zeroed: entries fill it without gaps
    if (!memory) return err::nomem;
    auto position = file->position.lock();
    EntryBuffer buffer{{memory.get(), size}, old_layout};
    u64 at = *position;
    TRY(file->read_directory(buffer, &at));
    if (buffer.used() == 0 && buffer.full()) return err::inval;
    if (!arch::copy_out(to.address(), memory.get(), buffer.used())) [[unlikely]] {
        // Entries that lie before the bad page count, and the rest is read again.
        auto whole = EntryBuffer::whole_entries({memory.get(), buffer.used()}, [&](std::span<const std::byte> entry) {
            return arch::copy_out(to.address() + static_cast<usize>(entry.data() - memory.get()), entry.data(),
                                  entry.size());
        });
        if (!whole.size) return err::fault;
        *position = whole.next;
        return whole.size;
    }
    *position = at;
    return buffer.used();
}
} // namespace

Result<usize> getdents(Task& task, Fd fd, UserPtr<std::byte> to, u32 size) { return list(task, fd, to, size, true); }
Result<usize> getdents64(Task& task, Fd fd, UserPtr<std::byte> to, u32 size) { return list(task, fd, to, size, false); }

Result<> mkdirat(Task& task, DirFd dirfd, UserPath path, u32 mode) {
    [[clang::uninitialized]] Walked at;
    TRY(at.load(task, dirfd, path));
    return vfs::make_directory(at.walker, at.name.view(), mode);
}
Result<> mkdir(Task& task, UserPath path, u32 mode) { return mkdirat(task, at_cwd, path, mode); }

Result<> mknodat(Task& task, DirFd dirfd, UserPath path, u32 mode, u32 device) {
    [[clang::uninitialized]] Walked at;
    TRY(at.load(task, dirfd, path));
    // Block devices there are none: a node for one can be made, and not be opened.
    if (S_ISCHR(mode) && !task.view().is_root() && !device::allowed_in_container(device)) return err::perm;
    return vfs::make_node(at.walker, at.name.view(), mode, device);
}
Result<> mknod(Task& task, UserPath path, u32 mode, u32 device) { return mknodat(task, at_cwd, path, mode, device); }

Result<> unlinkat(Task& task, DirFd dirfd, UserPath path, u32 flags) {
    if (flags & ~u32{AT_REMOVEDIR}) return err::inval;
    [[clang::uninitialized]] Walked at;
    TRY(at.load(task, dirfd, path));
    return flags & AT_REMOVEDIR ? vfs::remove_directory(at.walker, at.name.view())
                                : vfs::unlink(at.walker, at.name.view());
}
Result<> unlink(Task& task, UserPath path) { return unlinkat(task, at_cwd, path, 0); }
Result<> rmdir(Task& task, UserPath path) { return unlinkat(task, at_cwd, path, AT_REMOVEDIR); }

Result<> renameat2(Task& task, DirFd from_fd, UserPath from, DirFd to_fd, UserPath to, u32 flags) {
    [[clang::uninitialized]] Walked source, goal;
    TRY(source.load(task, from_fd, from));
    TRY(goal.load(task, to_fd, to));
    return vfs::rename(source.walker, source.name.view(), goal.walker, goal.name.view(), flags);
}
Result<> renameat(Task& task, DirFd from_fd, UserPath from, DirFd to_fd, UserPath to) {
    return renameat2(task, from_fd, from, to_fd, to, 0);
}
Result<> rename(Task& task, UserPath from, UserPath to) { return renameat2(task, at_cwd, from, at_cwd, to, 0); }

Result<> linkat(Task& task, DirFd from_fd, UserPath from, DirFd to_fd, UserPath to, u32 flags) {
    if (flags & ~u32{AT_SYMLINK_FOLLOW | AT_EMPTY_PATH}) return err::inval;
    if (flags & AT_EMPTY_PATH && !task.credentials().can_everywhere(CAP_DAC_READ_SEARCH)) return err::noent;
    auto target = TRY(place(task, from_fd, from, flags, false));
    [[clang::uninitialized]] Walked at;
    TRY(at.load(task, to_fd, to));
    return vfs::make_link(target, at.walker, at.name.view());
}
Result<> link(Task& task, UserPath from, UserPath to) { return linkat(task, at_cwd, from, at_cwd, to, 0); }

Result<> symlinkat(Task& task, UserPath target, DirFd dirfd, UserPath path) {
    [[clang::uninitialized]] PathName text;
    TRY(text.load(target));
    [[clang::uninitialized]] Walked at;
    TRY(at.load(task, dirfd, path));
    return vfs::make_symlink(at.walker, at.name.view(), text.view());
}
Result<> symlink(Task& task, UserPath target, UserPath path) { return symlinkat(task, target, at_cwd, path); }
} // namespace linux_abi::sys
