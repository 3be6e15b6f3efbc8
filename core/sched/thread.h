// A thread of the kernel: a stack, a place in a run queue. Tasks (user threads) derive from it in kernel/process.
#pragma once
#include "arch/api/context.h"
#include "core/cpu/thread_base.h"
#include "core/sched/entity.h"
#include "lib/intrusive.h"
#include "lib/memory.h"

class Caller;
class PageTables;

struct SchedParameters {
    SchedPolicy policy = SchedPolicy::other;
    int nice = 0;               // -20..19
    int priority = 0;           // 1..99 for fifo and round_robin
    bool reset_on_fork = false; // children start with SchedPolicy::other and nice 0 or above
};
struct CpuTime {
    u64 user_ns = 0, system_ns = 0;
};
/// The CPU time of a group of threads while somebody waits for it: a thread that is counted gets work_timers when the
/// sum has reached a moment.
struct CpuWatch {
    static constexpr u64 no_moment = ~u64{0};
    std::atomic<u64> user_ns = 0, system_ns = 0;
    std::atomic<u64> user_moment = no_moment, total_moment = no_moment;
};

class Thread : public ThreadBase, public RefCounted<Thread> {
public:
    virtual ~Thread();
    static Thread& current() { return static_cast<Thread&>(*arch::current_thread()); }

    /// A kernel thread that runs function(argument), ready to run. Ends when the function returns.
    static Result<Ref<Thread>> spawn(std::string_view name, void (*function)(void*), void* argument);

    /// Those whose user half is loaded while this thread runs; null for kernel threads. Changed only by the thread
    /// itself, with use_page_tables().
    PageTables* page_tables() const { return page_tables_; }
    /// Switches the current thread to others, or to none (null). The caller keeps both alive.
    static void use_page_tables(PageTables*);

    /// For whom it works (kernel/credentials/caller.h); null: for the kernel.
    Caller* caller = nullptr;

    /// A task: it has a user half.
    bool is_user() const { return user_state_ != nullptr; }
    /// A signal is pending, or the thread must die.
    bool interrupted() const { return work.load(std::memory_order_relaxed) & arch::work_signal; }
    /// It will not see user mode again: long work ends early, with any answer.
    bool killed() { return interrupted() && must_end(); }
    /// Sets work_signal and, if the thread sleeps interruptibly, wakes it; if it runs on another CPU, interrupts it.
    void interrupt();

    SchedParameters parameters() const;
    void set_parameters(SchedParameters);
    u64 affinity() const; // one bit per CPU
    /// err::inval when no running CPU is in the mask.
    Result<> set_affinity(u64 mask);
    CpuTime cpu_time() const;
    /// What the thread uses from now on is counted in `watch`, too; null: in none. Returns what it has used.
    CpuTime watch_cpu_time(CpuWatch* watch);
    /// While it is watched: a moment of its own.
    std::atomic<u64> cpu_time_moment = CpuWatch::no_moment;
    unsigned last_cpu() const;
    u64 voluntary_switches() const, involuntary_switches() const;
    /// R, S (interruptible), D (uninterruptible), T (stopped), Z, X: for /proc.
    char state_letter() const;

protected:
    Thread(); // a stack is given by init()
    /// Of a thread that is interrupted(): whether that will end it.
    virtual bool must_end() { return false; }
    /// Makes the kernel stack (with a guard page) such that the first switch calls entry(argument). err::nomem.
    Result<> init(void (*entry)(void*), void* argument);
    /// FPU and thread pointer of a user thread, null in a kernel thread.
    arch::UserState* user_state_ = nullptr;

private:
    friend struct SchedAccess;
    friend SchedEntity& sched_entity(Thread& thread) { return thread.sched_; }
    PageTables* page_tables_ = nullptr;
    SchedEntity sched_{*this};
};

namespace sched {
/// A round-robin thread's turn; sched_rr_get_interval(2) shows it.
inline constexpr u64 round_robin_ns = 100'000'000;
/// What real-time threads may use of a CPU in each period while others wait for it: /proc/sys/kernel/sched_rt_*.
inline constexpr u64 realtime_period_ns = 1'000'000'000, realtime_share_ns = 950'000'000;
/// Sets up the boot CPU's run queue and makes the boot context its idle thread.
void init();
/// Starts the thread that frees ended threads. Once, before the first thread ends.
void start_reaper();
/// Lets secondary CPUs in: called on each by upcall::secondary_cpu(). Never returns: it is the idle loop.
[[noreturn]] void idle();
/// Makes a new thread run for the first time.
void start(Thread&);
/// Ends the current thread; its last reference held by the scheduler is dropped after the switch.
[[noreturn]] void exit();
/// Gives others their turn.
void yield();
/// Called by return_to_user() for work_reschedule: switches if another thread should run, and clears the bit.
/// Interrupts may be on or off, and stay so.
void preempt();

/// The parts of a sleep. prepare_sleep() marks the current thread; a wake() from then on ends, or prevents, the sleep.
/// Use Sleeper or wait_until() where there is a queue.
void prepare_sleep(ThreadState kind);
/// Sleeps unless a wake() came since prepare_sleep() (or, for interruptible, a signal is pending).
void sleep();
void cancel_sleep();
/// Ends any sleep, and lets a stopped thread run. From any context.
void wake(Thread&);
/// Sleeps while `blocked()`, which is looked at after the thread is marked: whoever changes what it looks at calls
/// wake(). Returns early when `kind` is interruptible and a signal is pending.
template <class Blocked>
void block(ThreadState kind, Blocked blocked) {
    for (;;) {
        prepare_sleep(kind);
        if (!blocked() || (kind == ThreadState::interruptible && Thread::current().interrupted()))
            return cancel_sleep();
        sleep();
    }
}

/// Makes every CPU that still has the page tables loaded (for a kernel thread, or idle) drop them. Before they go.
void unload(PageTables&);
/// 1, 5, 15 minutes in 1/2048ths; runnable and all threads: for /proc/loadavg and sysinfo.
struct Load {
    u64 average[3];
    unsigned runnable, threads;
};
Load load();
/// Idle and busy time per CPU, for /proc/stat.
struct CpuUse {
    u64 user_ns, system_ns, idle_ns;
};
CpuUse cpu_use(unsigned cpu);
u64 context_switches();
} // namespace sched
