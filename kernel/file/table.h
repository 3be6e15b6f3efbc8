// File descriptors: numbers for open files, one table per process (or shared by CLONE_FILES).
#pragma once
#include "kernel/file/file.h"
#include "lib/vector.h"

/// Lookups on the hot path take one short lock and one reference. Limits: RLIMIT_NOFILE is given by the caller.
class FileTable : public RefCounted<FileTable> {
public:
    static Result<Ref<FileTable>> create();
    ~FileTable(); // closes all
    Result<Ref<FileTable>> clone();

    /// err::badf. O_PATH files are refused too, unless `path_too`.
    Result<Ref<File>> get(int fd, bool path_too = false);
    /// The lowest free number from `from` on, below `limit`. err::mfile; err::inval: `from` is not below `limit`.
    Result<int> install(Ref<File>, bool close_on_exec, u64 limit, int from = 0);
    /// Two at once or none (pipe2, socketpair).
    Result<> install_pair(Ref<File>, Ref<File>, bool close_on_exec, u64 limit, int (&fds)[2]);
    /// Exactly `fd`, closing what was there: dup2, dup3. err::badf: beyond `limit`.
    Result<> install_at(int fd, Ref<File>, bool close_on_exec, u64 limit);
    Result<> close(int fd);
    Result<> close_range(unsigned first, unsigned last, bool only_mark_close_on_exec);
    void close_on_exec_files(); // by execve
    Result<bool> close_on_exec(int fd);
    Result<> set_close_on_exec(int fd, bool);
    /// How many slots there are: FDSize.
    usize size() { return slots_.lock()->slots.size(); }
    /// The first descriptor >= `from` that is open, for /proc/pid/fd. err::badf: none.
    Result<int> next_open(int from);
    /// What lookups compare so that locks die with the table: fcntl(F_SETLK) ownership.
    void close_all();

private:
    struct Slot {
        Ref<File> file;
        bool close_on_exec = false;
    };
    Result<> grow(usize n);
    Ref<File> take(usize fd, bool only_close_on_exec = false);
    struct Slots {
        Vector<Slot> slots;
        Vector<u64> used; // a bit per slot
    };
    Mutex<Rank::files> growing_;
    Guarded<Slots, Spinlock<Rank::descriptors>> slots_; // growth happens outside: reserve, then commit
};
