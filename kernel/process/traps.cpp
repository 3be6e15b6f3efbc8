// What the ports call for user threads.
#include "arch/api/upcalls.h"
#include "kernel/process/oom.h"
#include "kernel/process/task.h"
#include "kernel/process/timers.h"
#include "kernel/vfs/reclaim.h"

namespace {
/// The signal that a fault becomes; nothing when it was resolved.
void after_fault(Task& task, FaultOutcome outcome, uptr address) {
    switch (outcome) {
    case FaultOutcome::resolved: break;
    case FaultOutcome::no_mapping: signals::force(task, signals::info_fault(SIGSEGV, SEGV_MAPERR, address)); break;
    case FaultOutcome::no_access: signals::force(task, signals::info_fault(SIGSEGV, SEGV_ACCERR, address)); break;
    case FaultOutcome::bus_error: signals::force(task, signals::info_fault(SIGBUS, BUS_ADRERR, address)); break;
    case FaultOutcome::no_memory: oom::make_room(task, oom::Shortage::retries); break;
    }
}
} // namespace

namespace upcall {
void user_fault(arch::TrapFrame&, uptr address, arch::PageFlags access) {
    Task& task = Task::current();
    task.counters.minor_faults.fetch_add(1, std::memory_order_relaxed);
    after_fault(task, task.space->fault(address, access), address);
}

void user_exception(arch::TrapFrame&, const Exception& exception) {
    signals::force(Task::current(), signals::info_fault(exception.signal, exception.code, exception.address));
}

bool copy_fault(uptr address, arch::PageFlags access) {
    Thread& thread = Thread::current();
    AddressSpace* space = AddressSpace::of(thread);
    if (!space || thread.faults_disabled) return false;
    for (;;) {
        FaultOutcome outcome = space->fault(address, access);
        if (outcome != FaultOutcome::no_memory) return outcome == FaultOutcome::resolved;
        auto& task = static_cast<Task&>(thread);
        if (!thread.is_user() || signals::dying(task)) return false;
        oom::make_room(task, oom::Shortage::retries);
        if (signals::dying(task)) return false;
    }
}

void return_to_user(arch::TrapFrame& frame) {
    Task& task = Task::current();
    u32 work = task.work.load(std::memory_order_relaxed);
    if (work & arch::work_reschedule) sched::preempt();
    if (work & arch::work_reclaim) [[unlikely]] {
        arch::irqs_on();
        vfs::reclaim::help(task.view().account());
        arch::irqs_off();
    }
    if (work & arch::work_memory) [[unlikely]] { // it may have ended this process: the way out looks again
        arch::irqs_on();
        oom::make_room(task, oom::Shortage::failed);
        arch::irqs_off();
    }
    if (work & arch::work_timers) [[unlikely]] { // what it finds is delivered when the way out looks again
        arch::irqs_on();
        task.process().timers->look(task);
        arch::irqs_off();
    }
    if (work & arch::work_signal) {
        arch::irqs_on();
        signals::deliver(task, frame);
        arch::irqs_off();
    }
    upcall::irqs_go_on(); // by the way out
}
} // namespace upcall
