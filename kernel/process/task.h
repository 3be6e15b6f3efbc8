// A task: a thread of a process, with what clone(2) lets it share or own.
#pragma once
#include "core/mm/address_space.h"
#include "core/sched/thread.h"
#include "kernel/credentials/caller.h"
#include "kernel/credentials/user.h"
#include "kernel/file/table.h"
#include "kernel/ipc/sysv/semaphores.h"
#include "kernel/process/process.h"
#include "kernel/vfs/operations.h"

class Task final : public Thread, public ThreadLink, public Caller {
public:
    /// Only where the current thread is a user task: system calls, faults, everything below abi/.
    static Task& current() { return static_cast<Task&>(Thread::current()); }

    bool must_end() override;
    void signal(int number) override;
    PidNumber* process_number() const override { return process_->identity(); }
    Pid tid(const PidNamespace& from) const { return identity_->in(from); }
    Pid tid() const { return own_tid_; } // in its own namespace
    Process& process() const { return *process_; }
    PidNamespace& pids() const { return identity_->home(); }

    // Shared or owned as clone's flags said. Changed only by the task itself (unshare, exec); others take a reference
    // under `shares_lock` (/proc).
    Ref<AddressSpace> space;
    Ref<FileTable> files;
    Ref<vfs::FsContext> fs; // changed by set_fs() only
    Ref<vfs::MountTree> mounts;
    Ref<sysv::UndoList> semaphore_undo; // null: nothing is to be taken back
    Spinlock<Rank::device> shares_lock;
    /// Joins `next`, if not null, and leaves the one before. err::again: see FsContext::join().
    Result<> set_fs(Ref<vfs::FsContext> next);

    // The current credentials are replaced as a whole by the task itself.
    Ref<const Credentials> credentials_ref() { return share(&Task::credentials_); }
    /// What the task has now (its files, memory, user ...), for other tasks; null: it has given it up.
    template <class T, class Part>
    Ref<T> share(Ref<T> Part::* which) {
        Holding lock{shares_lock};
        return this->*which;
    }
    void set_credentials(Ref<const Credentials>);

    TaskSignals& signals(const SignalLock& held) { return held.check(process_->signal_lock_), signals_; }
    /// Its mask. By the task itself, which alone changes it.
    SignalSet blocked() const { return signals_.blocked; }
    /// `exiting`: counts no more as a thread that takes signals. `ended`: its use is counted in the process's
    /// Accounting.
    enum class Life : u8 { running, exiting, ended };
    bool is_exiting() const { return life_.load(std::memory_order_relaxed) != Life::running; }
    bool has_ended() const { return life_.load(std::memory_order_relaxed) == Life::ended; }
    void become(Life life, const SignalLock& held) { held.check(process_->signal_lock_), life_ = life; }

    /// By the task itself.
    bool has_stopped() const { return signals_.stop.load() == Stop::stopped; }

    // The task's own.
    stack_t alternate_stack{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    /// A mask to restore on the way out when no handler ran: ppoll, sigsuspend.
    SignalSet saved_mask = 0;
    bool restore_mask = false;
    bool traced = false; // its system calls are logged; see choose_syscalls()

    /// What restart_syscall(2) goes on with (poll, nanosleep, futex): set with err::restart_block.
    struct Restart {
        i64 (*function)(Task&) = nullptr; // an encoded result
        u64 words[6] = {};
    } restart;

    // clone and exit.
    uptr set_child_tid = 0, clear_child_tid = 0;
    uptr robust_list = 0;
    usize robust_list_size = 0;
    std::atomic<int> parent_death_signal = 0;
    arch::UserState user_state;
    const u64 start_ns; // monotonic
    TaskCounters counters;
    std::atomic<u16> io_priority = 0;                             // ioprio_set(2); remembered
    u64 timer_slack_ns = 50'000, default_timer_slack_ns = 50'000; // prctl(2), PR_SET_TIMERSLACK
    u32 personality = 0;
    /// Who has logged in, a Kuid, and which time that was, of all (proc(5), loginuid): what is done later is known by
    /// it, whoever does it. All ones: nobody. Children have the same.
    std::atomic<u32> login_user = ~u32{0}, login_session = ~u32{0};
    Ref<Cgroup> counted_in; // whose limit of tasks this one counts against
    /// The real user, whose RLIMIT_NPROC this task counts against until it is reaped; changes with the credentials.
    Ref<User> user;
    /// setuid(2) succeeded beyond RLIMIT_NPROC: the next execve fails with err::again if that is still so.
    bool too_many_processes = false;
    /// Counts in `user` from now on, and no more in the one before. Null: in none.
    void count_for(Ref<User> next);
    void count_no_more() {
        if (std::exchange(counted_, false)) user->tasks.fetch_sub(1, std::memory_order_relaxed);
    }

    /// A vfork child borrows its parent's memory until it execs or ends; notified then.
    std::atomic<bool> borrows_memory = false;
    WaitQueue memory_returned;

    /// From now on the task's system calls are those of this ABI. By the task itself (exec), or before it runs.
    void choose_syscalls(const Abi& abi) { syscalls = &abi.syscalls(traced); }

    /// How many descriptors it may have: RLIMIT_NOFILE. install(): FileTable's, below that.
    u64 descriptor_limit() const { return limits().soft(RLIMIT_NOFILE); }
    Result<int> install(Ref<File> file, bool close_on_exec) {
        return files->install(std::move(file), close_on_exec, descriptor_limit());
    }
    /// Who walks paths: root, working directory, fsuid, umask. `dirfd` AT_FDCWD or a directory's descriptor: err::badf,
    /// err::notdir.
    vfs::Walker walker();
    Result<vfs::Walker> walker(int dirfd);

    /// Its number is given back; under signal_lock too, if it is linked.
    void forget_number(const process::TreeLock&);

    ~Task() override;

private:
    friend struct ProcessFactory;
    Task();
    Ref<Process> process_;
    TaskSignals signals_;
    std::atomic<Life> life_ = Life::running;
    bool counted_ = false; // in `user`
    PidNumber* number_ = nullptr;
    Ref<PidNumber> identity_; // stays when the number is free again
    Pid own_tid_ = 0;
};

inline Task& task_of(const ThreadLink& link) { return const_cast<Task&>(static_cast<const Task&>(link)); }

/// Calls f(Task&) for each thread of a process, the ended leader included. `held`: the tree lock or its signal lock.
template <class Held, class F>
void for_each_thread(Process& process, const Held& held, F f) {
    for (const ThreadLink& link : process.threads(held).list) f(task_of(link));
}

namespace process {
/// clone3(2)'s arguments, checked by the function itself. Flags are CLONE_*.
struct CloneRequest {
    u64 flags = 0;
    uptr stack = 0;                                         // top; 0: the parent's
    uptr tls = 0, parent_tid = 0, child_tid = 0, pidfd = 0; // user addresses
    int exit_signal = 0;
    Pid set_tid = 0; // 0: any
};
/// Returns the child's number in the caller's view. Waits for CLONE_VFORK's end.
Result<Pid> clone(Task& current, const CloneRequest&);

[[noreturn]] void exit_thread(int wait_status); // exit(2): the last one ends the process. code << 8
[[noreturn]] void exit_group(int wait_status);  // wait_status as wait4 shows it: code << 8, or signal

/// wait4/waitid: children selected by P_ALL/P_PID/P_PGID/P_PIDFD. options: WNOHANG|WUNTRACED|WEXITED|...|__W*.
struct Waited {
    Pid pid = 0; // 0: WNOHANG and nothing
    Kuid uid{0};
    int status = 0; // wait status
    int code = 0;   // CLD_*
    ResourceUse use;
};
/// Into `found`, which has not been used yet.
Result<> wait(Task& current, int id_type, Pid id, unsigned options, Waited& found);

Result<> set_group(Task& current, Pid pid, Pid group); // setpgid(2)
Result<Pid> create_session(Task& current);             // setsid(2)
/// The numbers of a process's group and session in a namespace; 0: reaped, or not seen. Take the tree lock.
Pid group_of(Process&, const PidNamespace&);
Pid session_of(Process&, const PidNamespace&);
/// Of all threads, ended ones included (the memory's peak: of those only); of waited-for children: RUSAGE_CHILDREN.
ResourceUse usage(Process&);
ResourceUse children_usage(Process&);
ResourceUse thread_usage(Task&);
CpuTime cpu_time(Process&);
/// Of the leader. err::srch: reaped.
Result<Ref<const Credentials>> credentials_of(Process&);
/// Whether the task's user has more tasks than the process's RLIMIT_NPROC; user 0 never has.
bool beyond_process_limit(const Task&);
/// What the limits of a process mean for memory; memory_limits_changed() tells its address space.
MemoryLimits memory_limits(Process&, const Credentials&);
void memory_limits_changed(Process&);
} // namespace process

namespace exec {
/// A program to become. Strings are kernel copies, bounded by the caller: at most 6 MiB or a quarter of RLIMIT_STACK.
struct Request {
    Ref<File> file;        // opened for execution
    std::string_view path; // as named: AT_EXECFN, and argv[0] of scripts
    Vector<String> arguments, environment;
    String interpreter;               // of a script, once found
    bool path_is_unreachable = false; // /dev/fd/N with close-on-exec: scripts answer err::noent
};
/// execve(2): on success the current task's registers start the new image; on failure before the point of no return the
/// error, after it the task is killed. Handles ELF64 (static, PIE, interpreter) and #! scripts (4 levels).
Result<> execute(Task& current, Request&);
} // namespace exec

namespace process {
/// What the first process of a view starts with: everything a container's config or boot decides.
struct Start {
    exec::Request program;
    Ref<vfs::MountTree> mounts;
    Ref<vfs::FsContext> fs;
    Ref<FileTable> files;
    Ref<const Credentials> credentials;
    Limits limits;
    Process* parent = nullptr;  // who waits for it, in the same view; null: nobody does
    bool new_session = true;    // else the parent's group
    Ref<TerminalBase> terminal; // controlling terminal, or null
};
} // namespace process
