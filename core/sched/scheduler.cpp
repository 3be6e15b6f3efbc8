// Choosing, switching, waking. See run_queue.h for the lock.
#include "arch/api/clock.h"
#include "arch/api/irq.h"
#include "arch/api/upcalls.h"
#include "core/cpu/cross_call.h"
#include "core/cpu/online.h"
#include "core/sched/page_tables.h"
#include "core/sched/run_queue.h"
#include "core/sync/epoch.h"
#include "core/time/timer_queue.h"
#include "lib/late.h"
#include <algorithm>

namespace {
constexpr u64 busy_tick_ns = 4'000'000, least_tick_ns = 100'000;

class IdleThread final : public Thread {};

constinit Late<RunQueue> queues[arch::max_cpus];
constinit Late<IdleThread> idle_threads[arch::max_cpus];
constinit std::atomic<u64> idle_cpus = 0;

RunQueue& own() { return *queues[arch::cpu_id()]; }
u64 bit(unsigned cpu) { return u64{1} << cpu; }
} // namespace

/// The scheduler's way into a thread.
struct SchedAccess {
    static arch::UserState* user_state(Thread& t) { return t.user_state_; }
};

namespace sched {
namespace {

void load_on(RunQueue& rq, PageTables* tables) {
    if (rq.loaded == tables) return;
    // Visible to who flushes before the tables are in use; and no longer once they are not.
    if (tables) tables->entered(rq.cpu);
    arch::use_page_table(tables ? tables->page_table_root() : arch::kernel_page_table());
    if (rq.loaded) rq.loaded->left(rq.cpu);
    rq.loaded = tables;
}

/// When the running thread should be looked at again.
Deadline next_tick(const RunQueue& rq, u64 now) {
    u64 ns = busy_tick_ns;
    if (rq.ready.load(std::memory_order_relaxed) > 1)
        ns = std::min(ns, std::max(rq.fair.slice_left_ns(), least_tick_ns));
    return Deadline{now + ns};
}

void program_tick(const RunQueue& rq, const Thread& next, u64 now) {
    if (&next == rq.idle) return; // idle() sees to it
    timers::set_tick(next_tick(rq, now));
    timers::program(false);
}

/// On the new thread's stack, with the queue's lock held by the old one.
void finish_switch() {
    RunQueue& rq = own();
    Thread* previous = rq.previous;
    if (auto* state = SchedAccess::user_state(Thread::current())) arch::load_user_state(*state);
    bool ended = sched_entity(*previous).state.load(std::memory_order_relaxed) == ThreadState::dead;
    Ref<Thread> evicted = std::move(rq.evicted);
    rq.unlock();
    if (evicted) wake(*evicted);
    if (ended && !previous->release_unless_last()) reap(*previous);
}

/// With the lock held; when it returns, on the same stack, perhaps on another CPU, the lock is free.
void switch_to(RunQueue& rq, Thread& previous, Thread& next) {
    rq.previous = &previous;
    rq.current = &next;
    rq.switches.store(rq.switches.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    SchedEntity& from = sched_entity(previous);
    bool ended = from.state.load(std::memory_order_relaxed) == ThreadState::dead;
    if (auto* state = SchedAccess::user_state(previous); state && !ended) arch::save_user_state(*state);
    if (auto* tables = next.page_tables()) load_on(rq, tables);
    arch::set_current(next);
    arch::switch_stacks(&from.stack_pointer, sched_entity(next).stack_pointer);
    finish_switch();
}

bool may_move(FairEntity& e, void* to_cpu) {
    return static_cast<SchedEntity&>(e).affinity & bit(*static_cast<unsigned*>(to_cpu));
}

SchedEntity* stealable(RunQueue& victim, unsigned cpu) {
    for (unsigned priority = victim.top_realtime(); priority > 0; priority--)
        for (auto* e = victim.realtime[priority].first(); e; e = Chain<SchedEntity>::after(*e))
            if (e->thread != victim.current && (e->affinity & bit(cpu))) return e;
    return static_cast<SchedEntity*>(victim.fair.find(may_move, &cpu));
}

/// Takes a waiting thread from another CPU's queue. Never waits for a lock: somebody who holds two might wait for ours.
bool steal(RunQueue& rq) {
    unsigned n = arch::cpu_count();
    u64 with_queue = online_cpus();
    for (unsigned i = 1; i < n; i++) {
        unsigned cpu = (rq.cpu + i) % n;
        if (!(with_queue & bit(cpu))) continue;
        RunQueue& victim = *queues[cpu];
        if (victim.ready.load(std::memory_order_relaxed) < 2 || !victim.try_lock()) continue;
        SchedEntity* e = stealable(victim, rq.cpu);
        if (e) {
            victim.dequeue(*e);
            e->cpu.store(rq.cpu, std::memory_order_release);
            rq.enqueue(*e);
        }
        victim.unlock();
        if (e) return true;
    }
    return false;
}

Thread& choose(RunQueue& rq) {
    SchedEntity* e = rq.pick();
    if (!e && steal(rq)) e = rq.pick();
    rq.set_running(e);
    return e ? *e->thread : *rq.idle;
}

/// The running thread goes behind the others of its class that may run.
void step_back(RunQueue& rq, SchedEntity& e) {
    if (is_realtime(e.policy)) {
        rq.realtime[e.priority].erase(e);
        rq.realtime[e.priority].push_back(e);
    } else {
        rq.fair.yield_current();
    }
}

enum class Why { preempted, sleeps, yields, ends };

/// Lets the best thread run.
void schedule(Why why) {
    bool were_on = arch::irqs_save();
    RunQueue& rq = own();
    rq.lock();
    Thread& previous = *rq.current;
    SchedEntity& e = sched_entity(previous);
    u64 now = clocks::monotonic_ns();
    rq.account(now);
    previous.work.fetch_and(~u32{arch::work_reschedule}, std::memory_order_relaxed);
    if (why == Why::ends) { // under the lock: a late waker that still saw the thread asleep must not undo it
        e.state.store(ThreadState::dead, std::memory_order_relaxed);
        rq.dequeue(e);
    }
    ThreadState state = e.state.load(std::memory_order_relaxed);
    if (why == Why::yields) step_back(rq, e);
    if (why == Why::sleeps && state != ThreadState::ready && e.queued) {
        bool signalled = state == ThreadState::interruptible && previous.interrupted();
        if (signalled)
            e.state.store(ThreadState::ready, std::memory_order_relaxed);
        else
            rq.dequeue(e);
    }
    if (e.queued && !(e.affinity & bit(rq.cpu))) { // moved away while it ran: finish_switch() wakes it elsewhere
        rq.dequeue(e);
        e.state.store(ThreadState::uninterruptible, std::memory_order_relaxed);
        rq.evicted = Ref<Thread>::share(&previous);
    }
    Thread& next = choose(rq);
    if (&next == &previous) {
        program_tick(rq, next, now);
        rq.unlock();
        arch::irqs_restore(were_on);
        return;
    }
    auto& kind = why == Why::sleeps || why == Why::ends ? e.voluntary : e.involuntary;
    kind.store(kind.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (&next == rq.idle)
        idle_cpus.fetch_or(bit(rq.cpu), std::memory_order_seq_cst);
    else if (&previous == rq.idle)
        idle_cpus.fetch_and(~bit(rq.cpu), std::memory_order_relaxed);
    program_tick(rq, next, now);
    switch_to(rq, previous, next);
    arch::irqs_restore(were_on);
}

/// Where a woken thread should run: where it ran if that is idle or nothing is, else an idle CPU.
unsigned choose_cpu(const SchedEntity& e) {
    unsigned last = e.cpu.load(std::memory_order_relaxed);
    u64 allowed = e.affinity & online_cpus(); // their queues have been made
    if (!allowed) return last;                // cannot be: set_affinity() checks
    u64 idle = allowed & idle_cpus.load(std::memory_order_relaxed);
    if (idle & bit(last)) return last;
    if (idle) return static_cast<unsigned>(std::countr_zero(idle));
    if (allowed & bit(last)) return last;
    return static_cast<unsigned>(std::countr_zero(allowed));
}

/// Puts a ready thread that is in no queue into the best one. `rq`, the one it belonged to, is locked; when this
/// returns, no queue is. Interrupts off.
void place(SchedEntity& e, RunQueue* rq) {
    for (unsigned cpu; (cpu = choose_cpu(e)) != rq->cpu;) {
        e.cpu.store(cpu, std::memory_order_release); // from here on the new queue's lock guards it
        rq->unlock();
        rq = &*queues[cpu];
        rq->lock();
        if (e.affinity & bit(cpu)) break; // else it was changed meanwhile
    }
    rq->enqueue(e);
    if (rq->preempts(e)) rq->reschedule();
    rq->unlock();
}

void wake_if(Thread& thread, bool only_interruptible) {
    SchedEntity& e = sched_entity(thread);
    auto sleeps = [&] {
        ThreadState s = e.state.load(std::memory_order_seq_cst);
        return only_interruptible ? s == ThreadState::interruptible
                                  : s >= ThreadState::interruptible && s <= ThreadState::stopped;
    };
    std::atomic_thread_fence(std::memory_order_seq_cst); // the caller's change comes before this look
    if (!sleeps()) return;
    bool were_on = arch::irqs_save();
    RunQueue& rq = lock_queue(e);
    bool found = sleeps();
    if (found) e.state.store(ThreadState::ready, std::memory_order_relaxed);
    if (found && !e.queued)
        place(e, &rq);
    else
        rq.unlock(); // on its way to sleep: it will see that it is ready
    arch::irqs_restore(were_on);
}
} // namespace

/// The entry of every new thread: what remains of the switch to it, then its function.
void first_run(void* thread) {
    finish_switch();
    arch::irqs_on();
    SchedEntity& e = sched_entity(*static_cast<Thread*>(thread));
    e.entry(e.argument);
    exit();
}

void load_page_tables(PageTables* tables) { load_on(own(), tables); }
void wake_interruptible(Thread& thread) { wake_if(thread, true); }

void move_away(RunQueue& from, SchedEntity& e) {
    from.dequeue(e);
    place(e, &from);
    from.lock();
}

RunQueue& queue_of(unsigned cpu) { return *queues[cpu]; }
RunQueue& lock_queue(const SchedEntity& e) {
    for (;;) {
        unsigned cpu = e.cpu.load(std::memory_order_acquire);
        RunQueue& rq = *queues[cpu];
        rq.lock();
        // Acquires what its last queue has left: it may have been away from this one since the first look.
        if (e.cpu.load(std::memory_order_acquire) == cpu) return rq;
        rq.unlock();
    }
}

void prepare_sleep(ThreadState kind) { sched_entity(Thread::current()).state.store(kind, std::memory_order_seq_cst); }
void cancel_sleep() { sched_entity(Thread::current()).state.store(ThreadState::ready, std::memory_order_seq_cst); }
void sleep() {
    lockdep::might_sleep(std::source_location::current());
    schedule(Why::sleeps);
}
void wake(Thread& thread) { wake_if(thread, false); }

void preempt() {
    if (arch::current_thread()->work.load(std::memory_order_relaxed) & arch::work_reschedule) schedule(Why::preempted);
}

void yield() { schedule(Why::yields); }

void start(Thread& thread) {
    SchedEntity& e = sched_entity(thread);
    (void)Ref<Thread>::share(&thread).release(); // the scheduler's, dropped after its end
    bool were_on = arch::irqs_save();
    RunQueue& rq = own();
    rq.lock();
    e.cpu.store(rq.cpu, std::memory_order_relaxed);
    e.state.store(ThreadState::ready, std::memory_order_release);
    place(e, &rq);
    arch::irqs_restore(were_on);
}

void exit() {
    schedule(Why::ends);
    __builtin_unreachable();
}

namespace {
/// Accounts for a timer interrupt and decides whether the slice is over. Interrupts off.
void tick(u64 now, bool from_user) {
    RunQueue& rq = own();
    sample_load(now);
    rq.lock();
    if (rq.current != rq.idle) {
        sched_entity(*rq.current).last_in_user = from_user;
        bool over = rq.account(now);
        unsigned ready = rq.ready.load(std::memory_order_relaxed);
        if (over && ready > 1) rq.reschedule();
        // Somebody waits here and a CPU has nothing to do: it will come and take one.
        u64 idle = ready > 1 ? idle_cpus.load(std::memory_order_relaxed) : 0;
        if (idle) arch::send_ipi(static_cast<unsigned>(std::countr_zero(idle)));
        timers::set_tick(next_tick(rq, now));
    }
    rq.unlock();
}

void enter_cpu() {
    unsigned cpu = arch::cpu_id();
    RunQueue& rq = queues[cpu].make();
    Thread& idle = idle_threads[cpu].make();
    idle.name.assign("idle");
    sched_entity(idle).cpu = cpu;
    sched_entity(idle).state = ThreadState::ready;
    rq.cpu = cpu;
    rq.idle = rq.current = &idle;
    rq.counted_until = clocks::monotonic_ns();
    arch::set_current(idle);
    set_online(cpu);
}
} // namespace

void init() { enter_cpu(); }

void idle() {
    RunQueue& rq = own();
    idle_cpus.fetch_or(bit(rq.cpu), std::memory_order_seq_cst);
    for (;;) {
        arch::irqs_off();
        if (rq.ready.load(std::memory_order_relaxed) == 0) {
            rq.lock();
            steal(rq);
            rq.unlock();
        }
        if (rq.ready.load(std::memory_order_relaxed) != 0) {
            schedule(Why::preempted);
            continue;
        }
        rq.current->work.fetch_and(~u32{arch::work_reschedule}, std::memory_order_seq_cst);
        if (rq.ready.load(std::memory_order_seq_cst) != 0) continue;
        timers::set_tick(never);
        timers::program(true);
        arch::wait_for_interrupt();
    }
}

void unload(PageTables& tables) {
    u64 cpus = tables.active_cpus.load(std::memory_order_seq_cst);
    if (!cpus) return;
    call_on(
        cpus,
        [](void* which) {
            RunQueue& rq = own();
            if (rq.loaded == which) load_on(rq, nullptr);
        },
        &tables);
}

bool unload_unused(PageTables& tables) {
    RunQueue& rq = own();
    if (rq.loaded != &tables || Thread::current().page_tables() == &tables) return false;
    load_on(rq, nullptr);
    return true;
}

CpuUse cpu_use(unsigned cpu) {
    if (!(online_cpus() & bit(cpu))) return {};
    bool were_on = arch::irqs_save();
    RunQueue& rq = *queues[cpu];
    rq.lock();
    rq.account(clocks::monotonic_ns());
    rq.unlock();
    arch::irqs_restore(were_on);
    return {rq.user_ns.load(), rq.system_ns.load(), rq.idle_ns.load()};
}

u64 context_switches() {
    u64 sum = 0;
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++)
        if (online_cpus() & bit(cpu)) sum += queues[cpu]->switches.load(std::memory_order_relaxed);
    return sum;
}
} // namespace sched

void upcall::preempt_kernel() {
    if (!(arch::current_thread()->work.load(std::memory_order_relaxed) & arch::work_reschedule)) return;
    RunQueue& rq = own();
    if (rq.current == rq.idle || epoch::readers[rq.cpu].inside.load(std::memory_order_relaxed)) return;
    lockdep::preempts();
    sched::schedule(sched::Why::preempted);
}

void upcall::timer(bool from_user) {
    u64 now = clocks::monotonic_ns();
    timers::expire(now);
    sched::tick(now, from_user);
    timers::program(false);
}

void upcall::secondary_cpu() {
    sched::enter_cpu();
    sched::idle();
}
