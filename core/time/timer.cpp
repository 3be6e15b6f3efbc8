#include "arch/api/clock.h"
#include "core/cpu/cross_call.h"
#include "core/sync/lock.h"
#include "core/time/timer_queue.h"
#include "lib/late.h"

/// One CPU's armed timers, earliest first.
struct TimerQueue {
    struct Earlier {
        bool operator()(const Timer& a, const Timer& b) const { return a.at_ < b.at_; }
    };
    Spinlock<Rank::timer> lock;
    bi::multiset<Timer, bi::base_hook<TreeLink<>>, bi::compare<Earlier>, bi::constant_time_size<false>> timers;
    std::atomic<Timer*> running = nullptr;
    // Only the CPU itself touches these two, with interrupts off.
    Deadline tick = never;
    u64 programmed = ~u64{0};

    Deadline first() const { return timers.empty() ? never : timers.begin()->at_; }
    void insert(Timer& t, Deadline at, int cpu) {
        t.at_ = at;
        t.last_cpu_ = cpu;
        t.cpu_.store(cpu, std::memory_order_release);
        timers.insert(t);
    }
    void erase(Timer& t) {
        timers.erase(timers.iterator_to(t));
        t.cpu_.store(-1, std::memory_order_release);
    }
    void expire(u64 now);
    void program(bool exactly);
    static bool take_out(Timer&);
};

namespace {
constinit Late<TimerQueue> queues[arch::max_cpus];

TimerQueue& own() { return *queues[arch::cpu_id()]; }
} // namespace

void TimerQueue::expire(u64 now) {
    constexpr unsigned at_once = 32; // the others interrupt again: somebody may have armed thousands for one moment
    for (unsigned n = 0; n < at_once; n++) {
        Timer* due;
        {
            Holding held{lock};
            if (first().ns > now || timers.empty()) return;
            due = &*timers.begin();
            running.store(due, std::memory_order_relaxed);
            erase(*due);
        }
        due->expired_(*due); // which may free it
        running.store(nullptr, std::memory_order_release);
    }
}

/// A later deadline leaves the hardware alone: it is cheaper to be woken once for nothing.
void TimerQueue::program(bool exactly) {
    Deadline at = first() < tick ? first() : tick;
    u64 counter = clocks::counter_at(at);
    if (counter == programmed || (!exactly && counter > programmed)) return;
    programmed = counter;
    arch::set_timer(counter);
}

bool TimerQueue::take_out(Timer& t) {
    int cpu = t.cpu_.load(std::memory_order_acquire);
    if (cpu < 0) return false;
    TimerQueue& queue = *queues[cpu];
    Holding held{queue.lock};
    if (t.cpu_.load(std::memory_order_relaxed) != cpu) return false;
    queue.erase(t);
    return true;
}

void Timer::arm(Deadline at) {
    cancel();
    if (at == never) return;
    bool were_on = arch::irqs_save();
    TimerQueue& queue = own();
    {
        Holding held{queue.lock};
        queue.insert(*this, at, static_cast<int>(arch::cpu_id()));
        if (queue.first() == at) queue.program(false);
    }
    arch::irqs_restore(were_on);
}

void Timer::cancel() {
    if (last_cpu_ < 0) return; // never armed
    do TimerQueue::take_out(*this);
    while (armed()); // its own function may have armed it again
    TimerQueue& queue = *queues[last_cpu_];
    if (queue.running.load(std::memory_order_acquire) != this) return;
    bool were_on = arch::irqs_save(); // else this thread could have come to that CPU in between
    bool from_itself = &queue == &own() && queue.running.load(std::memory_order_relaxed) == this;
    arch::irqs_restore(were_on);
    if (from_itself) return;
    while (queue.running.load(std::memory_order_acquire) == this) {
        were_on = arch::irqs_save(); // what is called belongs to one CPU
        serve_calls();
        arch::irqs_restore(were_on);
        arch::pause();
    }
    TimerQueue::take_out(*this);
}

namespace timers {
void init() {
    for (auto& queue : queues) queue.make();
}
void set_tick(Deadline at) { own().tick = at; }
void program(bool exactly) {
    TimerQueue& queue = own();
    // What is programmed is never later than the first timer: only the tick can be earlier.
    if (!exactly && clocks::counter_at(queue.tick) >= queue.programmed) return;
    Holding held{queue.lock};
    queue.program(exactly);
}
void expire(u64 now_ns) {
    TimerQueue& queue = own();
    queue.programmed = ~u64{0};
    queue.expire(now_ns);
}
} // namespace timers
