// Advisory locks of a file: byte ranges of fcntl(2), of processes and of open files, and whole files of flock(2).
#pragma once
#include "core/sync/wait.h"
#include "lib/vector.h"
#include <optional>

class FileTable;
class File;

namespace file {
/// Who a lock belongs to: F_SETLK's to a file table, F_OFD_SETLK's and flock's to an open file.
enum class LockKind : u8 { process, description, whole };
struct FileLock {
    LockKind kind;
    const void* owner; // a FileTable or a File; only compared
    int pid;           // F_GETLK's l_pid: the process's number, -1 for open files
    bool exclusive;
    u64 first, last; // inclusive; last ~0: to the end of the file, however it grows
};

/// The locks of one inode. flock and fcntl locks do not see each other.
class LockList {
public:
    LockList() = default;
    ~LockList() { counted(0); }
    /// Sets a lock, replacing or merging the owner's others in the range. err::again: in conflict and not `wait`;
    /// err::deadlk; err::restartsys; err::nolck: too many.
    Result<> set(const FileLock&, bool wait);
    Result<> unlock(const FileLock& range);
    /// The first lock that set() would wait for.
    std::optional<FileLock> conflict(const FileLock&);
    /// All locks of an owner: the file table closed a descriptor of the file, or the open file is gone.
    void drop_owner(LockKind, const void* owner);
    /// How many locks there are on all files: 0 nearly always, and then closing a file has nothing to drop.
    static u64 in_use() { return all_.load(std::memory_order_relaxed); }
    bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
    /// Copies up to `to.size()` locks from index `from` on: /proc/locks, fdinfo.
    usize copy(std::span<FileLock> to, usize from);

private:
    static constexpr usize max_locks = 16'384;
    using Locks = Vector<FileLock>;
    static Result<Locks> without(const Locks&, const FileLock& range, const FileLock* added);
    Guarded<Locks, Mutex<Rank::inode>> locks_;
    void counted(usize now);
    static std::atomic<u64> all_;
    std::atomic<usize> count_ = 0; // under the lock of locks_; read without
    WaitQueue changed_;
};
} // namespace file
