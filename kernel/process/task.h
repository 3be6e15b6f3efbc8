// A task: a thread of a process, with what clone(2) lets it share or own.
#pragma once
#include "core/mm/address_space.h"
#include "core/sched/thread.h"
#include "kernel/file/table.h"
#include "kernel/process/credentials.h"
#include "kernel/process/process.h"
#include "kernel/vfs/operations.h"

class Task final : public Thread, public ListLink<struct ThreadTag> {
public:
    /// Only where the current thread is a user task: system calls, faults, everything below abi/.
    static Task& current() { return static_cast<Task&>(Thread::current()); }

    Pid tid(const View& from) const;
    Pid tid() const; // in its own view
    Process& process() const { return *process_; }
    View& view() const { return process_->view(); }

    // Shared or owned as clone's flags said. Changed only by the task itself (unshare, exec); others take a reference
    // under `shares_lock` (/proc).
    Ref<AddressSpace> space;
    Ref<FileTable> files;
    Ref<vfs::FsContext> fs;
    Ref<vfs::MountTree> mounts;
    Spinlock<Rank::device> shares_lock;

    /// The current credentials; replaced as a whole by the task itself.
    const Credentials& credentials() const { return *credentials_; }
    Ref<const Credentials> credentials_ref();
    void set_credentials(Ref<const Credentials>);

    // Signals: blocked is changed only by the task itself, under the process's signal_lock.
    SignalSet blocked = 0;
    PendingSignals pending;
    stack_t alternate_stack{};
    /// A mask to restore on the way out when no handler ran: ppoll, sigsuspend.
    SignalSet saved_mask = 0;
    bool restore_mask = false;

    /// What restart_syscall(2) goes on with (poll, nanosleep, futex): set with err::restart_block.
    struct Restart {
        i64 (*function)(Task&) = nullptr; // an encoded result
        u64 words[6] = {};
    } restart;

    // clone and exit.
    uptr clear_child_tid = 0;
    uptr robust_list = 0;
    usize robust_list_size = 0;
    int parent_death_signal = 0;
    arch::UserState user_state;
    u64 start_ns = 0; // monotonic
    u64 minor_faults = 0, major_faults = 0;
    u64 timer_slack_ns = 50'000;

    /// Who walks paths: root, working directory, fsuid, umask. `dirfd` AT_FDCWD or a directory's descriptor: err::badf,
    /// err::notdir.
    Result<vfs::Walker> walker();
    Result<vfs::Walker> walker(int dirfd);

    /// The wait status the whole process dies with; used by exit_group, fatal signals.
    struct Impl; // vfork completion, exit state, ptrace later: kernel/process/task_impl.h
    Box<Impl> impl;

    ~Task() override;

private:
    friend struct ProcessFactory;
    Task() = default;
    Ref<Process> process_;
    Ref<const Credentials> credentials_;
};

namespace process {
/// clone3(2)'s arguments, checked by the function itself. Flags are CLONE_*.
struct CloneRequest {
    u64 flags = 0;
    uptr stack = 0; // top; 0: the parent's
    uptr tls = 0, parent_tid = 0, child_tid = 0, pidfd = 0; // user addresses
    int exit_signal = 0;
    Pid set_tid = 0; // 0: any
};
/// Returns the child's number in the caller's view. Waits for CLONE_VFORK's end.
Result<Pid> clone(Task& current, const CloneRequest&);

[[noreturn]] void exit_thread(int code);      // exit(2): the last one ends the process
[[noreturn]] void exit_group(int wait_status); // wait_status as wait4 shows it: code << 8, or signal | core

/// wait4/waitid: children selected by P_ALL/P_PID/P_PGID/P_PIDFD. options: WNOHANG|WUNTRACED|WEXITED|WCONTINUED|WNOWAIT|__W*.
struct Waited {
    Pid pid = 0; // 0: WNOHANG and nothing
    u32 uid = 0;
    int status = 0; // wait status
    int code = 0;   // CLD_*
    ResourceUse use;
};
Result<Waited> wait(Task& current, int id_type, Pid id, unsigned options);

Result<> set_group(Task& current, Pid pid, Pid group); // setpgid(2)
Result<Pid> create_session(Task& current);             // setsid(2)
ResourceUse usage(Process&);
} // namespace process

namespace exec {
/// A program to become. Strings are kernel copies, bounded by the caller: at most 6 MiB or a quarter of RLIMIT_STACK.
struct Request {
    Ref<File> file;          // opened for execution
    std::string_view path;   // as named: AT_EXECFN, and argv[0] of scripts
    Vector<String> arguments, environment;
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
    bool new_session = true;
    Ref<tty::Terminal> terminal; // controlling terminal, or null
};
} // namespace process
