// Leases of fcntl(2): who has one on an open file is told by a signal, and given time to put its copy in order, before
// somebody else opens or cuts the file in a way that conflicts.
#pragma once
#include "core/wait/mutex.h"
#include "core/wait/wait.h"
#include "lib/intrusive.h"
#include "lib/memory.h"

class File;
namespace vfs {
class Inode;

enum class LeaseKind : u8 { none, read, write };

/// The leases of one inode, at most one of each open file. The open files that have one must call drop() at their end.
class LeaseList {
public:
    explicit LeaseList(Inode& of) : of_{of} {}
    /// F_SETLEASE. err::again: others have the file open, or a lease on it, in a way that conflicts, or there is no
    /// lease to give back; err::inval: there are to be none; err::nomem.
    Result<> set(File&, LeaseKind);
    /// F_GETLEASE. While it is being broken: what it has to become.
    LeaseKind of(const File&);
    /// Before the file is opened or cut: tells the holders of conflicting leases, and waits until they have given them
    /// back or lost them. err::again: not `wait`; err::restartsys.
    Result<> break_for(bool writes, bool wait);
    /// The open file is gone.
    void drop(const File&);
    /// How many there are on all files: 0 nearly always, and then an open has nothing to look at.
    static u64 in_use() { return all_.load(); }

private:
    struct Lease : TreeLink<> {
        Lease(File& f, LeaseKind k) : file{&f}, kind{k} {}
        /// Whether the holder has to be told that somebody waits. It loses the lease if it does not answer in time.
        bool ask(bool to_write);
        bool conflicts(bool to_write) const { return to_write || kind == LeaseKind::write; }

        File* file; // not counted: it takes its lease along
        LeaseKind kind;
        bool gives_back = false, steps_down = false; // asked to, until the moments below
        Deadline back_by = never, down_by = never;
    };
    /// In the order of addresses: however many there are, telling goes on behind the one that was told last.
    struct FileOf {
        using type = const File*;
        type operator()(const Lease& l) const { return l.file; }
    };
    using Leases = bi::set<Lease, bi::base_hook<TreeLink<>>, bi::key_of_value<FileOf>, bi::constant_time_size<false>>;
    /// What a look at all leases behind `last` has found.
    struct Conflict {
        bool found = false;
        Deadline until = never;
        Ref<File> to_tell; // and then the look goes on behind it
    };
    Conflict next_conflict(bool writes, const File*& last);
    Result<> check_opens(const File&, LeaseKind) const;
    static Lease* find(Leases&, const File&);
    static void remove(Leases&, Lease&);
    static void expire(Leases&);

    Inode& of_;
    Guarded<Leases, Mutex<Rank::inode>> leases_;
    static inline constinit std::atomic<u64> all_ = 0;
    WaitQueue changed_;
};

/// Those of a file that has an inode. err::nomem.
Result<LeaseList*> leases_of(File&);
namespace lease_detail {
// Out of line: nearly always there is no lease, and each open and close asks.
[[gnu::cold]] Result<> break_some(Inode&, bool writes, bool wait);
[[gnu::cold]] void drop(Inode&, const File&);
} // namespace lease_detail

/// LeaseList::break_for() of an inode that may have none.
inline Result<> break_leases(Inode& inode, bool writes, bool wait) {
    if (LeaseList::in_use()) [[unlikely]]
        return lease_detail::break_some(inode, writes, wait);
    return {};
}
/// LeaseList::drop(), likewise.
inline void drop_lease(Inode& inode, const File& file) {
    if (LeaseList::in_use()) [[unlikely]]
        lease_detail::drop(inode, file);
}
} // namespace vfs
