// The contract of a port (arch/api) as far as core/sched, core/wait and core/time need it, over std::thread: the
// kernel's own scheduler, timers and locks run in the tests. A CPU is what a std::thread holds while it runs; each
// kernel thread is one, and a switch hands the CPU on. So as many kernel threads run at once as there are CPUs, as in
// the kernel, and the sanitizers see ordinary threads. Interrupts come only to who turns them on or waits (port/cpu.h):
// often enough for threads to be preempted between any two locks.
#include "machine.h"
#include "arch/api/clock.h"
#include "arch/api/context.h"
#include "arch/api/irq.h"
#include "arch/api/paging.h"
#include "arch/api/upcalls.h"
#include "core/alloc/frame.h"
#include "core/check/panic.h"
#include "core/cpu/online.h"
#include "core/sched/thread.h"
#include "core/time/clock.h"
#include "core/time/timer_queue.h"
#include <chrono>
#include <condition_variable>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace {
/// What a std::thread sleeps on; a signal that comes early is kept.
class Bell {
public:
    void ring() {
        std::lock_guard held{lock_};
        rung_ = true;
        changed_.notify_one();
    }
    void wait() {
        std::unique_lock held{lock_};
        changed_.wait(held, [this] { return rung_; });
        rung_ = false;
    }
    /// False: it did not ring in time.
    bool wait_for(std::chrono::nanoseconds most) {
        std::unique_lock held{lock_};
        bool rang = changed_.wait_for(held, most, [this] { return rung_; });
        rung_ = false;
        return rang;
    }

private:
    std::mutex lock_;
    std::condition_variable changed_;
    bool rung_ = false;
};

struct Cpu {
    arch::CpuLocal local{.self = &local};
    std::atomic<bool> asked = false;     // another CPU has sent an interrupt
    std::atomic<u64> timer_at = ~u64{0}; // set by itself
    Bell bell;
};
/// Left alone when the process ends: the CPUs still wait then.
Cpu* const cpus = new Cpu[arch::host_cpus];

Cpu* own_cpu() { return arch::host_cpu == &arch::host_outside ? nullptr : &cpus[arch::host_cpu->id]; }
bool timer_is_due(const Cpu& cpu) {
    u64 at = cpu.timer_at.load(std::memory_order_relaxed);
    return at != ~u64{0} && arch::counter() >= at;
}

/// A kernel thread's std::thread, while it has no CPU.
struct Context {
    Bell resumed;
    arch::CpuLocal* cpu = nullptr; // that it was given
    std::atomic<bool> runs = false;
    bool over = false; // will not be resumed: its std::thread ends
    std::jmp_buf end;
    void (*entry)(void*) = nullptr;
    void* argument = nullptr;
    std::thread thread;

    void give(arch::CpuLocal* to_run_on) {
        if (runs.exchange(true)) panic("a thread is to run on two CPUs");
        cpu = to_run_on;
        resumed.ring();
    }
    void wait() {
        resumed.wait();
        if (over) std::longjmp(end, 1);
        arch::host_cpu = cpu;
    }
    void body();
};
thread_local Context* own_context = nullptr;

void Context::body() {
    own_context = this;
    arch::host_irqs = false;
    if (setjmp(end)) return;
    wait();
    entry(argument); // does not return
}

/// What mm::allocate_stack() gives: its "top" is the context, below which core/sched leaves room for a trap frame.
struct Stack {
    alignas(16) std::byte trap_frame[align_up(sizeof(arch::TrapFrame), 16)];
    Context context;
};
} // namespace

namespace arch {
unsigned cpu_count() { return host_cpus; }

void host_interrupts() {
    Cpu* cpu = own_cpu();
    if (!cpu || (!cpu->asked.load(std::memory_order_relaxed) && !timer_is_due(*cpu))) return;
    host_irqs = false;
    if (cpu->asked.exchange(false, std::memory_order_acq_rel)) upcall::ipi();
    if (timer_is_due(*cpu)) {
        cpu->timer_at.store(~u64{0}, std::memory_order_relaxed);
        upcall::timer(false);
    }
    upcall::preempt_kernel(); // perhaps to another CPU
    host_irqs = true;
}

void pause() {
    static thread_local unsigned times = 0;
    if (host_irqs) host_interrupts();
    if (++times % 64 == 0) std::this_thread::yield(); // a short spin stays short: mutexes shall sleep, too
}

void wait_for_interrupt() {
    Cpu& cpu = *own_cpu();
    u64 at = cpu.timer_at.load(std::memory_order_relaxed), now = counter();
    if (at == ~u64{0})
        cpu.bell.wait();
    else if (at > now)
        (void)cpu.bell.wait_for(std::chrono::nanoseconds{at - now});
    irqs_on();
}

void send_ipi(unsigned cpu) {
    cpus[cpu].asked.store(true, std::memory_order_release);
    cpus[cpu].bell.ring();
}

void set_timer(u64 at) {
    if (Cpu* cpu = own_cpu()) cpu->timer_at.store(at, std::memory_order_relaxed);
}
u64 counter_frequency() { return 1'000'000'000; }
u64 read_wall_clock() { return 1'700'000'000; }

uptr prepare_stack(uptr top, void (*entry)(void*), void* argument) {
    auto& stack = *reinterpret_cast<Stack*>(top);
    stack.context.entry = entry;
    stack.context.argument = argument;
    stack.context.thread = std::thread{[&stack] { stack.context.body(); }};
    return reinterpret_cast<uptr>(&stack.context);
}

void switch_stacks(uptr* from, uptr to) {
    Context& self = *own_context;
    *from = reinterpret_cast<uptr>(&self);
    self.runs = false;
    reinterpret_cast<Context*>(to)->give(host_cpu);
    self.wait();
}

void set_current(ThreadHead& thread) { this_cpu().current = &thread; }
void save_user_state(UserState&) {}
void load_user_state(const UserState&) {}
PhysAddr kernel_page_table() { return 0; }
void use_page_table(PhysAddr) {}
} // namespace arch

Result<uptr> mm::allocate_stack() {
    auto* stack = new (std::nothrow) Stack;
    if (!stack) return err::nomem;
    return reinterpret_cast<uptr>(&stack->context);
}

/// The thread has ended, and left its CPU for the last time.
void mm::free_stack(uptr top) {
    auto* context = reinterpret_cast<Context*>(top);
    context->over = true;
    context->resumed.ring();
    context->thread.join();
    delete reinterpret_cast<Stack*>(top - offsetof(Stack, context));
}

namespace {
std::atomic<u64> ended_tests = 0;
Bell finished;
int status = 0;

/// A CPU begins: its std::thread becomes that of its idle thread.
void enter(unsigned id) {
    own_context = new Context;
    own_context->runs = true;
    cpus[id].local.id = id;
    arch::host_cpu = &cpus[id].local;
    arch::host_irqs = false;
}
} // namespace

int host::run(int (*function)()) {
    static int (*const body)() = function;
    std::thread{[] {
        enter(0);
        sched::init();
        sched::start_reaper();
        for (unsigned id = 1; id < arch::host_cpus; id++)
            std::thread{[id] {
                enter(id);
                upcall::secondary_cpu();
            }}.detach();
        auto tests = Thread::spawn(
            "tests",
            [](void*) {
                while (online_cpus() != (1u << arch::host_cpus) - 1) sched::yield();
                status = body();
                finished.ring();
            },
            nullptr);
        if (!tests) std::abort();
        sched::idle();
    }}.detach();
    using namespace std::chrono_literals;
    for (u64 seen = 0; !finished.wait_for(300s);) {
        u64 ended = ended_tests;
        if (ended == seen) {
            std::fprintf(stderr, "no test has ended for five minutes: a thread sleeps for ever\n");
            std::abort();
        }
        seen = ended;
    }
    return status;
}

void host::progress() { ended_tests++; }
