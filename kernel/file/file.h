// An open file description: what a file descriptor names.
#pragma once
#include "core/cpu/cpu_counter.h"
#include "core/mm/address_space.h"
#include "core/wait/wait.h"
#include "kernel/file/cursor.h"
#include "lib/memory.h"
#include <asm/fcntl.h>

namespace vfs {
class Inode;
class LockList;
struct Path;
} // namespace vfs
class File;
class FileTable;

/// What fsync(2) and its relatives want written: bytes [first, end).
struct SyncRange {
    enum class Scope : u8 {
        pages, // the content
        data,  // and what it takes to find it again
        all    // and times and the like
    } scope = Scope::all;
    u64 first = 0, end = ~u64{0};
};

namespace file {
/// Who is told by a signal that a file is ready (fcntl(2), F_SETOWN, O_ASYNC): kernel/process/file_owner.h. A file that
/// nobody owns has none.
class Owner {
public:
    virtual ~Owner() = default;
    /// The file is about to be destroyed.
    virtual void file_goes(File&) = 0;
    /// Something has happened that is no readiness: somebody waits for the file's lease (kernel/vfs/leases.h), or a
    /// watched directory has changed (kernel/vfs/watches.h).
    virtual void message() = 0;
};

/// DT_* for an inode's mode.
constexpr unsigned entry_type(u32 mode) { return mode >> 12 & 15; }
} // namespace file

/// Receives directory entries: getdents64.
class DirectorySink {
public:
    /// False: full; the entry was not taken. `next` is the position behind the entry; `type` is DT_*.
    virtual bool entry(std::string_view name, u64 inode, unsigned type, u64 next) = 0;

protected:
    ~DirectorySink() = default;
};

/// Somebody who wants to know when an open file is closed for good, without keeping it open: epoll.
class FileWatch : public ChainLink<FileWatch> {
public:
    /// The watch leaves the file: File::unwatch(), or (`gone`) the last reference is gone. Called with a spinlock held.
    virtual void detach(File& file, bool gone) = 0;
    /// The file, unless its last reference is gone.
    Ref<File> file() const;

protected:
    ~FileWatch() = default;

private:
    friend class File;
    File* file_ = nullptr;
    const void* key_ = nullptr; // whose lock it is under: the file's address, also when that is gone
};

/// Base of everything that can be open. No operation waits for another party (but a terminal's read with VTIME): where
/// it would have to, it answers err::again, and block_on() (kernel/file/block_on.h) does the waiting. Defaults answer
/// as Linux does for a file that lacks the operation. Called without locks held; each file locks itself.
class File : public RefCounted<File> {
public:
    File() { count.add(1); }
    virtual ~File() { count.add(-1); }
    /// Open files of the whole system.
    static inline constinit CpuCounter count;

    /// O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC | O_PATH | O_LARGEFILE...: what F_GETFL
    /// shows.
    std::atomic<u32> flags = 0;
    /// The access mode 3 opens for neither: only ioctl() and what O_PATH allows are left.
    bool readable() const { return !(flags.load(std::memory_order_relaxed) & (O_PATH | O_WRONLY)); }
    bool writable() const {
        u32 f = flags.load(std::memory_order_relaxed);
        return !(f & O_PATH) && ((f & O_ACCMODE) == O_WRONLY || (f & O_ACCMODE) == O_RDWR);
    }
    bool nonblocking() const { return flags.load(std::memory_order_relaxed) & O_NONBLOCK; }
    /// What is done with it, to the last, concerns those who watch its inode: kernel/file/notify.h. Set by who opens
    /// it.
    bool notifies = false;
    /// What is written has to reach some other place: end_write() has something to do.
    bool writes_back = false;
    bool path_only() const { return flags.load(std::memory_order_relaxed) & O_PATH; } // err::badf for nearly everything

    /// Moves bytes at `*at` and advances it. Stream files (seekable() false) ignore `at`. 0: the end of the file.
    /// Bytes moved win over a later error.
    virtual Result<usize> read(Sink&, u64* at);
    virtual Result<usize> write(Source&, u64* at);
    /// Bytes [first, end) have been written: waits where O_SYNC and its relatives want that, and for those who write
    /// back. Its error wins over the bytes.
    virtual Result<> end_write(const Source&, u64 first, u64 end) { return (void)first, (void)end, Result<>{}; }
    virtual bool seekable() const { return false; }
    /// How long a call waits that neither O_NONBLOCK nor a flag keeps from it: a socket's timeouts.
    virtual Deadline patience(bool writes) const { return (void)writes, never; }
    /// A write that answers err::pipe earns its caller SIGPIPE.
    virtual bool raises_pipe_signal() const { return true; }
    /// lseek(2): the new offset for position `at`; SEEK_DATA and SEEK_HOLE included.
    virtual Result<u64> seek(u64 at, i64 offset, int whence);

    /// Whether poll() has anything to say: only then epoll takes the file (err::perm).
    virtual bool pollable() { return true; }
    /// EPOLL* bits that hold now (from linux/eventpoll.h; equal to POLL*).
    virtual u32 poll();
    /// Notified whenever an answer of poll(), or of err::again, may be out of date.
    virtual WaitQueue& changed() { return changed_; }

    /// What a FileWatch may wait on for as long as the file exists, whoever the current process is.
    virtual WaitQueue& lasting_changed() { return changed(); }
    /// Whether O_ASYNC tells its owner of what those hear.
    virtual bool can_notify_owner() const { return false; }

    /// The address of a constant that stands for the kind of file, for the calls that take only one kind (epoll, ...).
    virtual const void* kind() const { return nullptr; }

    /// `argument` is a user address or a number, as the request defines. err::notty: unknown.
    virtual Result<i64> ioctl(unsigned request, uptr argument);
    /// fcntl(2)'s commands that belong to one kind of file: F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS.
    /// Default: err::badf for the pipe's, err::inval for the seals.
    virtual Result<i64> control(int command, u64 argument);
    /// mmap: the memory behind; err::nodev, err::acces. The caller has checked the open mode.
    virtual Result<Ref<MemoryObject>> memory_object();
    /// Entries from `*at` on; advances it. err::notdir.
    virtual Result<> read_directory(DirectorySink&, u64* at);
    virtual Result<> truncate(u64 size);                       // ftruncate
    virtual Result<> allocate(int mode, u64 offset, u64 size); // fallocate
    /// fsync(2). An error of writing back is told once to each open file.
    virtual Result<> sync(const SyncRange&) { return err::inval; }
    virtual Result<> sync_filesystem() { return {}; } // syncfs(2)
    /// One descriptor was closed (not the last one necessarily); close(2) returns the error.
    virtual Result<> flush(FileTable&) { return {}; }
    /// Locks of fcntl and flock on what is open; null: it has none (err::badf for flock of O_PATH comes before).
    virtual vfs::LockList* locks() { return nullptr; }

    /// The inode and the path by which it was opened; null for what has none of its own (pipe(2), epoll, ...: these
    /// have an inode for fstat all the same, see kernel/vfs/anonymous.h).
    virtual vfs::Inode* inode() { return nullptr; }
    virtual const vfs::Path* path() { return nullptr; }
    /// What readlink of /proc/pid/fd/N shows: the path, or "pipe:[123]".
    virtual void print_name(Writer&);
    /// Extra lines of /proc/pid/fdinfo/N.
    virtual void print_info(Writer&) {}

    /// The offset that read and write use; held over the transfer, as POSIX demands.
    Guarded<u64, Mutex<Rank::file_position>> position;
    /// Set once, by file_owner.cpp.
    std::atomic<file::Owner*> owner = nullptr;

    /// Adds a watch; the caller holds a reference to the file.
    void watch(FileWatch&);
    /// Afterwards detach() has been called, by this or because the file was gone.
    static void unwatch(FileWatch&);
    static void last_ref_gone(File*);

protected:
    WaitQueue changed_;

private:
    std::atomic<bool> watched_ = false;
    Chain<FileWatch> watches_; // kernel/file/watch.cpp
};
