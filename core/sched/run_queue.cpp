#include "core/sched/run_queue.h"
#include "arch/api/irq.h"
#include "core/sync/lock.h"
#include <bit>

namespace {
/// The time is counted in the watch, too; when a moment has been reached, the thread looks on its way to user mode.
void count_watched(SchedEntity& e, u64 ns) {
    CpuWatch& watch = *e.watch;
    (e.last_in_user ? watch.user_ns : watch.system_ns).fetch_add(ns, std::memory_order_relaxed);
    u64 user = watch.user_ns.load(std::memory_order_relaxed);
    u64 total = user + watch.system_ns.load(std::memory_order_relaxed);
    u64 own = e.user_ns.load(std::memory_order_relaxed) + e.system_ns.load(std::memory_order_relaxed);
    if (user >= watch.user_moment.load(std::memory_order_relaxed) ||
        total >= watch.total_moment.load(std::memory_order_relaxed) ||
        own >= e.thread->cpu_time_moment.load(std::memory_order_relaxed))
        e.thread->work.fetch_or(arch::work_timers, std::memory_order_seq_cst);
}
} // namespace

void RunQueue::lock(std::source_location at) {
    lockdep::will_take(Rank::run_queue, this, at);
    if (held.exchange(true, std::memory_order_acquire)) [[unlikely]]
        sync_detail::spin(held);
}

void RunQueue::enqueue(SchedEntity& e, bool at_front) {
    e.queued = true;
    ready.fetch_add(1, std::memory_order_relaxed);
    if (!is_realtime(e.policy)) return fair.enqueue(e);
    auto& list = realtime[e.priority];
    at_front ? list.push_front(e) : list.push_back(e);
    realtime_present[e.priority / 64] |= u64{1} << (e.priority % 64);
}

void RunQueue::dequeue(SchedEntity& e) {
    e.queued = false;
    ready.fetch_sub(1, std::memory_order_relaxed);
    if (!is_realtime(e.policy)) return fair.dequeue(e);
    auto& list = realtime[e.priority];
    list.erase(e);
    if (list.empty()) realtime_present[e.priority / 64] &= ~(u64{1} << (e.priority % 64));
}

unsigned RunQueue::top_realtime() const {
    for (unsigned word = 2; word-- > 0;)
        if (u64 bits = realtime_present[word]) return word * 64 + 63 - static_cast<unsigned>(std::countl_zero(bits));
    return 0;
}

SchedEntity* RunQueue::pick() {
    unsigned priority = top_realtime();
    if (priority && !(throttled() && fair.count())) return realtime[priority].first();
    return static_cast<SchedEntity*>(fair.pick());
}

void RunQueue::set_running(SchedEntity* e) {
    bool is_fair = e && !is_realtime(e->policy);
    fair.set_current(is_fair ? e : nullptr);
}

bool RunQueue::account(u64 now) {
    u64 ns = now > counted_until ? now - counted_until : 0;
    counted_until = now;
    if (now - period_began >= sched::realtime_period_ns) {
        period_began = now;
        realtime_ns = 0;
    }
    if (current == idle) {
        idle_ns.store(idle_ns.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
        return false;
    }
    SchedEntity& e = sched_entity(*current);
    auto add = [ns](std::atomic<u64>& to) {
        to.store(to.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
    };
    add(e.last_in_user ? e.user_ns : e.system_ns);
    add(e.last_in_user ? user_ns : system_ns);
    if (e.watch) [[unlikely]]
        count_watched(e, ns);
    if (!e.queued) return false; // it is ending
    if (!is_realtime(e.policy)) {
        bool over = fair.charge(ns);
        return over || (top_realtime() && !throttled()); // a new period has begun
    }
    realtime_ns += ns;
    bool over = throttled() && fair.count();
    if (e.policy != SchedPolicy::round_robin) return over;
    if (e.round_robin_left > ns) {
        e.round_robin_left -= ns;
        return over;
    }
    e.round_robin_left = sched::round_robin_ns;
    auto& list = realtime[e.priority];
    list.erase(e);
    list.push_back(e);
    return over || list.first() != &e;
}

bool RunQueue::preempts(const SchedEntity& e) const {
    if (current == idle) return true;
    const SchedEntity& running = sched_entity(*current);
    if (is_realtime(e.policy)) return is_realtime(running.policy) ? e.priority > running.priority : !throttled();
    return is_realtime(running.policy) ? throttled() : fair.preempts(e);
}

void RunQueue::reschedule() {
    u32 before = current->work.fetch_or(arch::work_reschedule, std::memory_order_seq_cst);
    if (cpu != arch::cpu_id() && !(before & arch::work_reschedule)) arch::send_ipi(cpu);
}
