// Advisory locks of a file: byte ranges of fcntl(2), of processes and of open files, and whole files of flock(2).
#pragma once
#include "core/wait/mutex.h"
#include "core/wait/wait.h"
#include "lib/chain.h"
#include "lib/intrusive.h"
#include "lib/memory.h"
#include <optional>

class FileTable;
class File;
class PidNamespace;
namespace vfs {
class Inode;

/// Who a lock belongs to: F_SETLK's to a file table, F_OFD_SETLK's and flock's to an open file.
enum class LockKind : u8 { process, description, whole };
struct FileLock {
    LockKind kind;
    bool exclusive;
    const void* owner; // a FileTable or a File; only compared
    int pid;           // F_GETLK's l_pid: the process's number, -1 for open files
    u64 first, last;   // inclusive; last ~0: to the end of the file, however it grows
    /// Whose process set it, and its numbers: /proc/locks.
    struct Setter {
        const PidNamespace* pids; // only compared
        int pid, root_pid;
    } setter{};
};

/// The locks of one inode. flock and fcntl locks do not see each other. Each owner's ranges are disjoint and in order:
/// a change costs the logarithm of how many it has, and looking for conflicts that for each owner.
class LockList : public ChainLink<LockList> {
public:
    explicit LockList(Inode& of) : of_{of} {}
    ~LockList();
    /// Sets a lock, replacing or merging the owner's others in the range. err::again: in conflict and not `wait`;
    /// err::deadlk; err::restartsys; err::nolck: too many; err::nomem.
    Result<> set(const FileLock&, bool wait);
    Result<> unlock(const FileLock& range);
    /// The first lock that set() would wait for.
    std::optional<FileLock> conflict(const FileLock&);
    /// All locks of an owner: the file table closed a descriptor of the file, or the open file is gone.
    void drop_owner(LockKind, const void* owner);
    /// How many locks there are on all files: 0 nearly always, and then closing a file has nothing to drop.
    static u64 in_use() { return all_.load(std::memory_order_relaxed); }
    bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
    /// Calls visit(inode, lock) for every lock on any file, with that file's locks held still.
    template <class F>
    static void for_each(F visit) {
        for (Ref<Inode> at = next_locked(nullptr); at; at = next_locked(at.get())) visit_each(*at, visit);
    }

private:
    static constexpr usize max_locks = 16'384;
    struct Held : TreeLink<> {
        FileLock lock;
    };
    struct ByFirst {
        using type = u64;
        u64 operator()(const Held& h) const { return h.lock.first; }
    };
    using Ranges = bi::set<Held, bi::base_hook<TreeLink<>>, bi::key_of_value<ByFirst>, bi::constant_time_size<false>>;
    struct Owner : ListLink<> {
        LockKind kind;
        const void* owner;
        Ranges ranges;
    };
    /// What a change may need: made before anything is changed.
    struct Spare {
        Box<Held> added, split;
        Box<Owner> owner;
    };
    using Owners = List<Owner>;
    static Result<Spare> prepare();
    static Ranges::iterator first_touching(Ranges&, u64 at);
    static const FileLock* find_conflict(const Owners&, const FileLock& wanted);
    Owner* find_owner(Owners&, const FileLock&);
    void cut(Owners&, const FileLock& range, Spare&);
    void add(Owners&, const FileLock&, Spare&);
    void drop_if_empty(Owners&, Owner*);
    void remove(Ranges&, Ranges::iterator);
    void counted(int by);
    void enlist();
    static Ref<Inode> next_locked(Inode* after);
    template <class F>
    static void visit_each(Inode& inode, F& visit) {
        auto owners = of(inode).owners_.lock();
        for (const Owner& o : *owners)
            for (const Held& h : o.ranges) visit(inode, h.lock);
    }
    static LockList& of(Inode&);

    Inode& of_;
    Guarded<Owners, Mutex<Rank::inode>> owners_;
    static std::atomic<u64> all_;
    std::atomic<usize> count_ = 0; // under the lock of owners_; read without
    std::atomic<bool> listed_ = false;
    WaitQueue changed_;
};
} // namespace vfs
