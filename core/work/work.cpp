#include "core/work/work.h"
#include "core/sched/thread.h"
#include "core/wait/wait.h"

/// A CPU's list and the thread that goes through it.
class Worker {
public:
    /// Interrupts are off.
    static void push(Work& work);
    [[noreturn]] void run();

private:
    Work* next() { return list_.lock()->pop_front(); }
    bool empty() { return list_.lock()->empty(); }

    Guarded<Chain<Work>, Spinlock<Rank::work>> list_;
    WaitQueue changed_;
};

namespace {
constinit Worker workers[arch::max_cpus];
constinit WaitQueue stops; // notified when a work has stopped; not its own, which may be gone by then
} // namespace

void Worker::push(Work& work) {
    Worker& own = workers[arch::cpu_id()];
    own.list_.lock()->push_back(work);
    own.changed_.notify_all();
}

void Worker::run() {
    for (;;) {
        (void)wait_until(changed_, [this] { return !empty(); }, never, false);
        if (Work* work = next()) work->serve();
    }
}

void Work::queue() {
    bool were_on = arch::irqs_save();
    State now = state_.load(std::memory_order_relaxed), then;
    // Written even where nothing changes: so the worker that reads it sees what was written before.
    do then = now == State::idle ? State::queued : now == State::running ? State::again : now;
    while (!change(now, then));
    if (now == State::idle) Worker::push(*this);
    arch::irqs_restore(were_on);
}

void Work::serve() {
    State now = State::queued;
    while (now != State::stopping && !change(now, State::running)) {}
    bool more = false;
    if (now != State::stopping) {
        Charging charging{payer_ ? *payer_ : MemoryAccount::kernel()};
        more = run(budget);
        now = State::running;
    }
    State then;
    do then = now == State::stopping ? State::stopped : more || now == State::again ? State::queued : State::idle;
    while (!change(now, then));
    if (then == State::stopped) return stops.notify_all(); // the object may be gone
    if (then == State::idle) return;
    bool were_on = arch::irqs_save();
    Worker::push(*this);
    arch::irqs_restore(were_on);
    sched::yield();
}

void Work::stop() {
    State now = state_.load(std::memory_order_relaxed), then;
    do then = now == State::idle ? State::stopped : State::stopping;
    while (!change(now, then));
    (void)wait_until(stops, [this] { return state_.load(std::memory_order_acquire) == State::stopped; }, never, false);
}

Result<> work::start() {
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) {
        auto body = [](void* worker) {
            auto& own = *static_cast<Worker*>(worker);
            while (!Thread::current().set_affinity(u64{1} << (&own - workers))) sched::yield(); // until the CPU is in
            own.run();
        };
        TRY(Thread::spawn("worker", body, &workers[cpu]));
    }
    return {};
}
