// Processes (thread groups), their groups and sessions, and the tree they form.
#pragma once
#include "kernel/credentials/limits.h"
#include "kernel/file/file.h"
#include "kernel/process/abi.h"
#include "kernel/process/accounting.h"
#include "kernel/process/kinship.h"
#include "kernel/process/signals/parts.h"
#include "kernel/process/signals/signals.h"

class Task;
class Process;
namespace vfs {
struct Path;
}

/// `dead`: reaped.
enum class ProcessState : u8 { running, zombie, dead };

/// A task as an element of its process's list: see for_each_thread() in task.h.
struct ThreadLink : ListLink<struct ThreadTag> {};
/// The threads of a process. A listed task is kept alive by its link; the leader stays listed until the process is
/// reaped.
struct Threads {
    Task* leader = nullptr;
    List<ThreadLink, struct ThreadTag> list;
    /// Those that have not ended. Who ends last ends the process: by then every other thread has unlinked itself, and
    /// the leader needs nobody but who reaps it.
    unsigned unended = 0;
};
class ProcessTimers;

class Process : public RefCounted<Process>,
                public TreeLink<struct GroupMemberTag>,
                public TreeLink<struct ChildTag>,
                public TreeLink<struct EndedTag> {
public:
    ~Process();

    /// As seen from a namespace; 0 if it is not in it.
    Pid pid(const PidNamespace& from) const { return identity_->in(from); }
    /// As its own namespace numbers it.
    Pid pid() const { return own_pid_; }
    /// The parent's number as this process sees it: 0 when it has none, or one outside its view.
    Pid parent_pid() const { return parent_pid_.load(std::memory_order_relaxed); }
    /// What it was known by stays with who has kept it.
    PidNumber* identity() const { return identity_.get(); }
    View& view() const { return *view_; }
    PidNamespace& pids() const { return identity_->home(); }
    const Abi& abi() const { return *abi_.load(std::memory_order_relaxed); }
    void set_abi(const Abi& abi) { abi_ = &abi; } // exec

    Limits limits;

    Kinship& kin(const process::TreeLock&) { return kin_; }
    /// Changes under the tree lock.
    ProcessState state() const { return state_.load(); }
    bool has_ended() const { return state() != ProcessState::running; }
    std::atomic<bool> dumpable = true;
    std::atomic<u32> coredump_filter = 0x33; // core(5)
    /// As wait4 shows it; final once it has ended.
    std::atomic<int> exit_status = 0;

    /// They change under both locks: either suffices to look at them.
    const Threads& threads(const process::TreeLock&) const { return threads_; }
    const Threads& threads(const SignalLock& held) const { return held.check(signal_lock_), threads_; }
    Threads& threads(const process::TreeLock&, const SignalLock& held) { return held.check(signal_lock_), threads_; }
    /// Whether this thread leads it now, without locks.
    bool is_led_by(const Task& task) const { return __atomic_load_n(&threads_.leader, __ATOMIC_RELAXED) == &task; }
    /// Those that have not begun to end. The last of them gives back what the process has.
    std::atomic<unsigned> live_threads = 0;

    SignalLock lock_signals(std::source_location at = std::source_location::current()) {
        return SignalLock{signal_lock_, at};
    }
    ProcessSignals& signals(const SignalLock& held) { return held.check(signal_lock_), signals_; }
    /// By a thread of the process: see ProcessSignals.
    const Ref<SignalHandlers>& handlers() const { return signals_.handlers; }
    SpareSignal spare_signal;
    std::atomic<bool> unkillable = false; // a view's init: default actions do not end it
    Accounting& accounting(const SignalLock& held) { return held.check(signal_lock_), accounting_; }
    const u64 start_ns; // monotonic

    /// Notified when a child of this process changes state: wait4, waitid.
    WaitQueue child_changed;
    /// Notified when a signal becomes pending for the process or one of its tasks: signalfd.
    WaitQueue signal_arrived;
    /// Notified when this process has ended: pidfd, containers.
    WaitQueue ended;
    /// Notified when a thread has ended: exec.
    WaitQueue threads_changed;

    /// MEMBARRIER_CMD_REGISTER_*, once registered.
    std::atomic<u32> membarriers = 0;

    Box<ProcessTimers> timers; // kernel/process/timers.h
    Mutex<Rank::process> timers_lock;

    /// The program's file, for /proc/pid/exe; null before the first exec.
    Ref<File> executable();
    /// While a process runs a file nobody may open it for writing. err::txtbsy: somebody has. Null always succeeds.
    Result<> set_executable(Ref<File>);
    /// -1000..1000: what the user added to the reasons to be killed when memory is short.
    std::atomic<int> oom_score_adjustment = 0, least_oom_score_adjustment = 0;
    /// Was to end when memory was short, but did not in time (perhaps it has never been started): others are chosen.
    std::atomic<bool> oom_stuck = false;

    PidNumber* leader_number(const process::TreeLock&) const { return number_; }
    /// Leaves its parent, if any, and becomes the last child of `above`, or if that leaves of its namespace's init;
    /// null: of nobody.
    void adopted_by(Process* above, const process::TreeLock&);
    /// Has ended: its state, and its place among its parent's ended children.
    void become_zombie(const process::TreeLock&);
    void become_dead(const process::TreeLock&) { state_ = ProcessState::dead; }

private:
    friend struct ProcessFactory;
    friend class Task;
    template <class>
    friend struct PlaceOf;
    Process();
    Ref<View> view_;
    PidNumber* number_ = nullptr; // the leader's; null once reaped
    Kinship kin_;
    Threads threads_;
    mutable SignalLock::Lock signal_lock_;
    ProcessSignals signals_;
    Accounting accounting_;
    std::atomic<ProcessState> state_ = ProcessState::running;
    Ref<PidNumber> identity_; // stays when the number is free again
    Pid own_pid_ = 0;
    std::atomic<Pid> parent_pid_ = 0; // the parent's number in our view
    std::atomic<const Abi*> abi_ = nullptr;
    Guarded<Ref<File>, Spinlock<Rank::device>> executable_;
};

template <>
inline u64 PlaceOf<GroupMemberTag>::operator()(const Process& p) const {
    return p.kin_.member_place;
}
template <>
inline u64 PlaceOf<ChildTag>::operator()(const Process& p) const {
    return p.kin_.child_place;
}
template <>
inline u64 PlaceOf<EndedTag>::operator()(const Process& p) const {
    return p.kin_.child_place;
}

namespace process {
/// The process or task with a number in a view. err::srch.
Result<Ref<Process>> find(PidNamespace&, Pid);
Result<Ref<Task>> find_task(PidNamespace&, Pid);
Result<Ref<ProcessGroup>> find_group(PidNamespace&, Pid);
/// The processes of a view in ascending order of number, from `from` on (/proc): err::srch at the end.
Result<Ref<Process>> next(PidNamespace&, Pid from);
/// The threads of a process as they came, the first one for `tid` 0 (/proc/pid/task): err::srch at the end. Behind a
/// thread that has ended meanwhile: a later one.
Result<Ref<Task>> thread_after(Process&, PidNamespace&, Pid tid);

/// Whether no member has a parent in another group of the same session: nobody could continue it (POSIX job control).
/// Takes the tree lock, a step at a time.
bool is_orphaned(ProcessGroup&);

/// Makes the first process of a view: number 1 in it, a child of nobody. Used by boot and by containers. The image is
/// loaded (errors as execve's), charged to the view's account; it does not run before run(). What holds the Ref can
/// wait on `ended` and read `exit_status` then.
struct Start;
Result<Ref<Process>> create_init(View&, Start&);
/// Further processes that enter a view from outside (container_exec).
Result<Ref<Process>> create_in(View&, Start&);
void run(Process&);
/// Kills every process of a view with SIGKILL (deleting a container, or its init has ended).
void kill_all(PidNamespace&);
} // namespace process
