// The run queue of one CPU. Only core/sched looks inside.
#pragma once
#include "core/sched/thread.h"
#include "core/sync/rank.h"
#include "lib/chain.h"

struct RunQueue;
namespace sched {
/// The entry of every new thread.
void first_run(void* thread);
/// Uses page tables on this CPU, or none but the kernel's. Interrupts off.
void load_page_tables(PageTables*);
/// Wakes a thread that sleeps interruptibly, no other.
void wake_interruptible(Thread&);
/// Moves a waiting thread to a CPU it may use. `from` is its queue, locked; still locked when it returns.
void move_away(RunQueue& from, SchedEntity&);
/// Destroys an ended thread, whose last reference the caller gives, where that may sleep.
void reap(Thread&);
/// Samples the load averages when they are due.
void sample_load(u64 now_ns);
/// The queue of a CPU, made by init().
RunQueue& queue_of(unsigned cpu);
/// Locks the queue that a thread belongs to. Interrupts are off.
RunQueue& lock_queue(const SchedEntity&);
extern std::atomic<unsigned> thread_count;
} // namespace sched

inline constexpr unsigned realtime_priorities = 100; // 1..99 used; higher runs first

struct alignas(64) RunQueue {
    // The lock is held across the switch, from one thread's stack to another's: so whoever holds it knows that a thread
    // that is not `current` has left its stack. Taken with interrupts off; two at once only by trying.
    void lock(std::source_location at = std::source_location::current());
    bool try_lock(std::source_location at = std::source_location::current()) {
        if (held.exchange(true, std::memory_order_acquire)) return false;
        lockdep::has_taken(Rank::run_queue, this, at);
        return true;
    }
    void unlock() {
        lockdep::dropped(Rank::run_queue, this);
        held.store(false, std::memory_order_release);
    }
    std::atomic<bool> held = false;

    unsigned cpu = 0;
    Thread* current = nullptr;
    Thread* idle = nullptr;
    Thread* previous = nullptr;      // during a switch
    std::atomic<unsigned> ready = 0; // queued threads, the running one included
    FairQueue fair;
    Chain<SchedEntity> realtime[realtime_priorities];
    u64 realtime_present[2] = {};          // bit per priority
    u64 period_began = 0, realtime_ns = 0; // what real-time threads have used since then

    u64 counted_until = 0; // the running thread's and the CPU's time
    std::atomic<u64> user_ns = 0, system_ns = 0, idle_ns = 0, switches = 0;
    Ref<Thread> evicted;          // by set_affinity(): to be woken elsewhere once it has left its stack
    PageTables* loaded = nullptr; // whose user half the CPU has; kept while kernel threads run

    void enqueue(SchedEntity&, bool at_front = false);
    void dequeue(SchedEntity&);
    SchedEntity* pick();
    /// Tells the classes which thread runs.
    void set_running(SchedEntity*);
    /// Counts the time since the last call. True: the running thread has had its turn.
    bool account(u64 now_ns);
    bool preempts(const SchedEntity&) const;
    /// Makes this CPU choose again.
    void reschedule();
    unsigned top_realtime() const; // 0: none
    /// Real-time threads have had their share of the period: others that wait come first.
    bool throttled() const { return realtime_ns >= sched::realtime_share_ns; }
};
