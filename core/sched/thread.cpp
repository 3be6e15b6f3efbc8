#include "core/sched/thread.h"
#include "arch/api/irq.h"
#include "core/alloc/frame.h"
#include "core/cpu/online.h"
#include "core/sched/run_queue.h"
#include "core/time/clock.h"

constinit std::atomic<unsigned> sched::thread_count = 0;

Thread::Thread() : ThreadBase{MemoryAccount::kernel()} {}

Thread::~Thread() {
    if (!kernel_stack) return;
    mm::free_stack(kernel_stack);
    sched::thread_count.fetch_sub(1, std::memory_order_relaxed);
}

namespace {
/// A queue's lock, held for a scope with interrupts off.
class QueueOf {
public:
    explicit QueueOf(const SchedEntity& e) : were_on_{arch::irqs_save()}, rq_{&sched::lock_queue(e)} {}
    ~QueueOf() {
        rq_->unlock();
        arch::irqs_restore(were_on_);
    }
    QueueOf(const QueueOf&) = delete;
    RunQueue* operator->() const { return rq_; }
    bool runs(const Thread& t) const { return rq_->current == &t; }

private:
    bool were_on_;
    RunQueue* rq_;
};
} // namespace

Result<> Thread::init(void (*entry)(void*), void* argument) {
    kernel_stack = TRY(mm::allocate_stack());
    sched::thread_count.fetch_add(1, std::memory_order_relaxed);
    sched_.entry = entry;
    sched_.argument = argument;
    // The user's trap frame has its place above.
    uptr top = align_down(kernel_stack - sizeof(arch::TrapFrame), 16);
    sched_.stack_pointer = arch::prepare_stack(top, sched::first_run, this);
    Thread& parent = current();
    set_parameters(parent.parameters());
    sched_.affinity = parent.affinity();
    return {};
}

Result<Ref<Thread>> Thread::spawn(std::string_view name, void (*function)(void*), void* argument) {
    struct KernelThread final : Thread {
        using Thread::init;
    };
    Charging the_kernel{MemoryAccount::kernel()}; // whoever it was that wanted it first
    auto thread = TRY(make_ref<KernelThread>());
    TRY(thread->init(function, argument));
    thread->name.assign(name);
    thread->set_parameters({});
    thread->sched_.affinity = ~u64{0};
    sched::start(*thread);
    return Ref<Thread>{std::move(thread)};
}

void Thread::use_page_tables(PageTables* tables) {
    bool were_on = arch::irqs_save();
    current().page_tables_ = tables;
    sched::load_page_tables(tables);
    arch::irqs_restore(were_on);
}

void Thread::interrupt() {
    work.fetch_or(arch::work_signal, std::memory_order_seq_cst);
    if (sched_.state.load(std::memory_order_seq_cst) == ThreadState::interruptible)
        return sched::wake_interruptible(*this);
    QueueOf queue{sched_};
    if (queue.runs(*this) && queue->cpu != arch::cpu_id()) arch::send_ipi(queue->cpu);
}

SchedParameters Thread::parameters() const {
    QueueOf queue{sched_};
    return {sched_.policy, sched_.nice, sched_.priority, sched_.reset_on_fork};
}

void Thread::set_parameters(SchedParameters p) {
    QueueOf queue{sched_};
    bool queued = sched_.queued, runs = queue.runs(*this);
    if (runs) queue->account(clocks::monotonic_ns());
    if (queued) queue->dequeue(sched_);
    sched_.policy = p.policy;
    sched_.nice = static_cast<signed char>(p.nice);
    sched_.priority = static_cast<u8>(p.priority);
    sched_.reset_on_fork = p.reset_on_fork;
    sched_.weight = p.policy == SchedPolicy::idle ? FairQueue::idle_weight : FairQueue::weight_of_nice(p.nice);
    if (!queued) return;
    queue->enqueue(sched_);
    if (runs) queue->set_running(&sched_);
    if (runs || queue->preempts(sched_)) queue->reschedule();
}

u64 Thread::affinity() const {
    QueueOf queue{sched_};
    return sched_.affinity;
}

Result<> Thread::set_affinity(u64 mask) {
    if (!(mask & online_cpus())) return err::inval;
    QueueOf queue{sched_};
    sched_.affinity = mask;
    if (!sched_.queued || (mask & (u64{1} << queue->cpu))) return {};
    if (queue.runs(*this)) {
        queue->reschedule(); // it leaves when it next gives up the CPU, or returns to user mode
        return {};
    }
    sched::move_away(*queue.operator->(), sched_);
    return {};
}

CpuTime Thread::cpu_time() const {
    QueueOf queue{sched_};
    if (queue.runs(*this)) queue->account(clocks::monotonic_ns());
    return {sched_.user_ns.load(std::memory_order_relaxed), sched_.system_ns.load(std::memory_order_relaxed)};
}

CpuTime Thread::watch_cpu_time(CpuWatch* watch) {
    QueueOf queue{sched_};
    if (queue.runs(*this)) queue->account(clocks::monotonic_ns());
    sched_.watch = watch;
    return {sched_.user_ns.load(std::memory_order_relaxed), sched_.system_ns.load(std::memory_order_relaxed)};
}

unsigned Thread::last_cpu() const { return sched_.cpu.load(std::memory_order_relaxed); }
u64 Thread::voluntary_switches() const { return sched_.voluntary.load(std::memory_order_relaxed); }
u64 Thread::involuntary_switches() const { return sched_.involuntary.load(std::memory_order_relaxed); }

char Thread::state_letter() const {
    switch (sched_.state.load(std::memory_order_relaxed)) {
    case ThreadState::interruptible: return 'S';
    case ThreadState::uninterruptible: return 'D';
    case ThreadState::stopped: return 'T';
    case ThreadState::dead: return 'X';
    default: return 'R';
    }
}
