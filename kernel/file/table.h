// File descriptors: numbers for open files, one table per process (or shared by CLONE_FILES).
#pragma once
#include "kernel/file/file.h"
#include "lib/vector.h"

/// An open file for the length of a system call. Where no other task shares the table, nobody can close it meanwhile:
/// then it is not counted.
class HeldFile {
public:
    HeldFile(HeldFile&& o) noexcept : file_{o.file_}, counted_{std::exchange(o.counted_, false)} {}
    ~HeldFile() {
        if (counted_) Ref<File>::adopt(file_);
    }
    File* operator->() const { return file_; }
    File& operator*() const { return *file_; }
    Ref<File> share() const { return Ref<File>::share(file_); }

private:
    friend class FileTable;
    HeldFile(File* file, bool counted) : file_{file}, counted_{counted} {}
    File* file_;
    bool counted_;
};

/// Changes take a short lock, and so do lookups where tasks share the table. Limits: RLIMIT_NOFILE is given by the
/// caller.
class FileTable : public RefCounted<FileTable> {
public:
    static Result<Ref<FileTable>> create();
    ~FileTable(); // closes all
    Result<Ref<FileTable>> clone();

    /// As get(), for the task whose table it is, and not beyond its system call.
    Result<HeldFile> hold(int fd, bool path_too = false) {
        if (ref_count() != 1) {
            auto file = TRY(get(fd, path_too));
            return HeldFile{file.release(), true};
        }
        // Nobody else changes it: no lock.
        const auto& slots = slots_.unguarded().slots;
        File* file = static_cast<unsigned>(fd) < slots.size() ? slots[static_cast<unsigned>(fd)].file.get() : nullptr;
        if (!file || (!path_too && file->path_only())) return err::badf;
        return HeldFile{file, false};
    }
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
    /// Whether install() would find a number now.
    bool has_room(u64 limit) { return slots_.lock()->first_free(0) < limit; }
    /// How many slots there are: FDSize.
    usize size() { return slots_.lock()->slots.size(); }
    /// The first descriptor >= `from` that is open, for /proc/pid/fd. err::badf: none.
    Result<int> next_open(int from);

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
        Vector<u64> full; // a bit per word of `used`
        void set_used(usize fd, bool);
        usize first_free(usize from) const;
        usize next_used(usize from) const;
        /// Calls f(fd) for each in use.
        template <class F>
        void for_each_used(F f) const {
            for (usize word = 0; word < used.size(); word++)
                for (u64 left = used[word]; left; left &= left - 1)
                    f(word * 64 + static_cast<usize>(std::countr_zero(left)));
        }
    };
    void close_each(usize first, usize end, bool only_close_on_exec);
    Mutex<Rank::files> growing_;
    Guarded<Slots, Spinlock<Rank::descriptors>> slots_; // growth happens outside: reserve, then commit
};
