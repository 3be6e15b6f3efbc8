// Load averages, and the thread that destroys ended threads.
#include "core/check/panic.h"
#include "core/cpu/online.h"
#include "core/sched/run_queue.h"
#include "core/time/clock.h"

namespace sched {
namespace {
constexpr u64 sample_ns = 5 * clocks::ns_per_second;
// exp(-5s/1min), exp(-5s/5min), exp(-5s/15min) in 1/2048ths: the decay per sample that uptime(1) has always shown.
constexpr u64 decay[3] = {1884, 2014, 2037};
constexpr unsigned fraction_bits = 11;

constinit std::atomic<u64> next_sample = sample_ns;
constinit std::atomic<u64> averages[3] = {};

unsigned runnable() {
    unsigned n = 0;
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++)
        if (online_cpus() & (u64{1} << cpu)) n += queue_of(cpu).ready.load(std::memory_order_relaxed);
    return n;
}

void add_sample(u64 active) {
    for (unsigned i = 0; i < 3; i++) {
        u64 old = averages[i].load(std::memory_order_relaxed);
        u64 sum = old * decay[i] + (active << fraction_bits) * ((1 << fraction_bits) - decay[i]);
        averages[i].store(sum >> fraction_bits, std::memory_order_relaxed);
    }
}

constinit std::atomic<Thread*> dead = nullptr; // linked through their entities
constinit Thread* reaper = nullptr;

void reap_all(void*) {
    for (;;) {
        block(ThreadState::uninterruptible, [] { return !dead.load(std::memory_order_seq_cst); });
        Thread* list = dead.exchange(nullptr, std::memory_order_acquire);
        while (list) {
            SchedEntity* next = sched_entity(*list).next_in_chain;
            Thread* ended = list;
            list = next ? next->thread : nullptr;
            Ref<Thread>::adopt(ended);
        }
    }
}
} // namespace

void sample_load(u64 now) {
    u64 due = next_sample.load(std::memory_order_relaxed);
    if (now < due) return;
    u64 periods = (now - due) / sample_ns + 1;
    if (!next_sample.compare_exchange_strong(due, due + periods * sample_ns, std::memory_order_relaxed)) return;
    // Nobody ticked in between: all CPUs were idle.
    for (u64 i = 1; i < periods && i < 1000; i++) add_sample(0);
    add_sample(runnable());
}

Load load() {
    sample_load(clocks::monotonic_ns());
    Load result{};
    for (unsigned i = 0; i < 3; i++) result.average[i] = averages[i].load(std::memory_order_relaxed);
    result.runnable = runnable();
    result.threads = thread_count.load(std::memory_order_relaxed);
    return result;
}

void reap(Thread& ended) {
    Thread* first = dead.load(std::memory_order_relaxed);
    do sched_entity(ended).next_in_chain = first ? &sched_entity(*first) : nullptr;
    while (!dead.compare_exchange_weak(first, &ended, std::memory_order_seq_cst));
    if (reaper) wake(*reaper);
}

void start_reaper() {
    auto thread = Thread::spawn("reaper", reap_all, nullptr);
    if (!thread) panic("no memory for the reaper");
    reaper = thread->release();
}
} // namespace sched
