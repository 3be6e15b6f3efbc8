#include "arch/api/vdso.h"
#include "core/log/log.h"
#include "kernel/process/core_dump/core_dump.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/tree.h"
#include <asm/unistd.h>

namespace signals {
namespace {
/// What to do about an interrupted system call, now that it is known whether a handler runs.
void finish_interrupted_syscall(arch::TrapFrame& frame, const SignalAction* handler) {
    if (!frame.in_syscall()) return;
    i64 result = frame.result();
    if (result > -i64{512} || result < -i64{516}) return frame.leave_syscall();
    bool again = true;
    switch (static_cast<Errno>(-result)) {
    case Errno::restartnointr: break;
    case Errno::restartsys: again = !handler || handler->flags & SA_RESTART; break;
    case Errno::restartnohand:
    case Errno::restart_block: again = !handler; break;
    default: return frame.leave_syscall();
    }
    if (!again) {
        frame.set_result(-static_cast<i64>(Errno::intr));
        return frame.leave_syscall();
    }
    if (static_cast<Errno>(-result) == Errno::restart_block) frame.set_syscall_number(__NR_restart_syscall);
    frame.rewind_syscall();
}

bool on_alternate_stack(const stack_t& stack, uptr sp) {
    uptr base = reinterpret_cast<uptr>(stack.ss_sp);
    return !(stack.ss_flags & SS_DISABLE) && sp > base && sp - base <= stack.ss_size;
}

/// Enters the handler: the frame is pushed, the mask is the handler's.
void run_handler(Task& task, arch::TrapFrame& frame, const SignalAction& action, const siginfo_t& info) {
    int number = info.si_signo;
    finish_interrupted_syscall(frame, &action);
    stack_t& alternate = task.alternate_stack;
    bool disarm = static_cast<unsigned>(alternate.ss_flags) & SS_AUTODISARM;
    uptr stack = frame.sp();
    bool on_it = !disarm && on_alternate_stack(alternate, stack);
    bool enters_it = action.flags & SA_ONSTACK && !(alternate.ss_flags & SS_DISABLE) && alternate.ss_size && !on_it;
    uptr base = reinterpret_cast<uptr>(alternate.ss_sp);
    if (enters_it) stack = base + alternate.ss_size;
    stack_t shown = alternate;
    if (on_it) shown.ss_flags |= SS_ONSTACK;
    uptr vdso = task.space->layout.vdso;
    arch::SignalFrame description{
        .number = number,
        .info = &info,
        .handler = action.handler,
        .restorer = action.flags & 0x04000000 /* SA_RESTORER: only some architectures name it */ ? action.restorer : 0,
        .vdso_sigreturn = vdso ? vdso + arch::vdso_sigreturn_offset() : 0,
        .with_info = (action.flags & SA_SIGINFO) != 0,
        .mask = task.restore_mask ? task.saved_mask : task.blocked(),
        .alternate = shown,
        .stack = stack,
        // Below an alternate stack there is no room: the next handler would begin at its top again.
        .lowest = on_it || enters_it ? base : 0,
    };
    if (!arch::push_signal_frame(frame, task.user_state, description)) {
        if (number == SIGSEGV) { // there is no way to tell it: it ends
            SignalAction reset{};
            (void)set_action(task, SIGSEGV, &reset);
        }
        force(task, info_kernel(SIGSEGV));
        return;
    }
    if (disarm) alternate = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    SignalSet blocked = task.blocked() | action.mask;
    if (!(action.flags & SA_NODEFER)) blocked |= signal_bit(number);
    task.restore_mask = false;
    set_blocked(task, blocked);
}

void log_fatal(Task& task, const arch::TrapFrame& frame, const siginfo_t& info) {
    constexpr SignalSet faults =
        signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGFPE) | signal_bit(SIGTRAP);
    if (info.si_code <= 0 || !(faults & signal_bit(info.si_signo))) return;
    log(LogLevel::info, "{}[{}]: signal {} code {} address {:#x} ip {:#x} sp {:#x}", task.name.view(), task.tid(),
        info.si_signo, info.si_code, reinterpret_cast<uptr>(info.si_addr), frame.ip(), frame.sp());
}

/// This thread has stopped; back when it may run again.
void stop_here(Task& task, bool process_has) {
    if (process_has) notify_parent(task.process(), CLD_STOPPED);
    sched::block(ThreadState::stopped, [&] { return task.has_stopped(); });
}

/// The thread has taken a stop signal: asks every thread to stop, itself included, if the process may be stopped.
void begin_stop(Task& task, int number) {
    Process& process = task.process();
    if (number != SIGSTOP) {
        Ref<ProcessGroup> group;
        {
            process::TreeLock tree;
            group = process.kin(tree).group;
        }
        // A group that no shell watches cannot be stopped from the terminal.
        if (!group || process::is_orphaned(*group)) return;
    }
    auto lock = process.lock_signals();
    process.signals(lock).job.begin(task, number, lock);
}

/// What is the most urgent thing to do.
enum class Next { nothing, again, exit, tell_continued, stop, stop_last, begin_stop, handler, end };
struct Step {
    SignalAction action{};
    siginfo_t info;
    int status; // of the exit
    Box<QueuedSignal> freed;
};

Next choose_step(Task& task, Step& step) {
    Process& process = task.process();
    auto lock = process.lock_signals();
    auto& shared = process.signals(lock);
    if (shared.ends(task)) {
        step.status = shared.group_status;
        return Next::exit;
    }
    if (shared.job.take_to_notify()) return Next::tell_continued;
    if (task.signals(lock).stop == Stop::stopping)
        return shared.job.settle(task, Stop::stopped, lock) ? Next::stop_last : Next::stop;
    if (!take(task, task.blocked(), step.info, step.freed, lock)) {
        recalculate(task, lock);
        return Next::nothing;
    }
    int number = step.info.si_signo;
    {
        auto actions = shared.handlers->actions.lock();
        SignalAction& now = actions->of[number - 1];
        step.action = now;
        if (now.handler > handler_ignore && now.flags & SA_RESETHAND) now.handler = 0;
    }
    if (step.action.handler > handler_ignore) return Next::handler;
    bool stops = step.action.handler == handler_default && signal_bit(number) & default_stops;
    if (stops) shared.job.ask(task, lock);
    bool spared = process.unkillable && !(stops && number == SIGSTOP);
    if (is_ignored(step.action, number) || spared) return Next::again;
    return stops ? Next::begin_stop : Next::end;
}
} // namespace

void deliver(Task& task, arch::TrapFrame& frame) {
    for (;;) {
        [[clang::uninitialized]] Step step;
        Next next = choose_step(task, step);
        task.process().spare_signal.give(std::move(step.freed));
        switch (next) {
        case Next::exit: process::exit_thread(step.status);
        case Next::tell_continued: notify_parent(task.process(), CLD_CONTINUED); continue;
        case Next::stop:
        case Next::stop_last: stop_here(task, next == Next::stop_last); continue;
        case Next::begin_stop: begin_stop(task, step.info.si_signo); continue;
        case Next::end: log_fatal(task, frame, step.info); process::exit_group(core_dump::write(task, step.info));
        case Next::handler:
            run_handler(task, frame, step.action, step.info);
            if (!task.interrupted()) return; // the handler's mask has been set since: nothing else is pending
            continue;
        case Next::again: continue;
        case Next::nothing: break;
        }
        break;
    }
    finish_interrupted_syscall(frame, nullptr);
    if (task.restore_mask) restore_mask(task, false);
}

Result<> return_from_handler(Task& task, arch::TrapFrame& frame) {
    task.restart.function = nullptr; // a restart_syscall(2) that the handler came before ends with EINTR
    auto restored = arch::pop_signal_frame(frame, task.user_state);
    frame.leave_syscall();
    if (!restored) {
        force(task, info_kernel(SIGSEGV));
        return std::unexpected(restored.error());
    }
    stack_t& alternate = restored->alternate;
    unsigned mode = static_cast<unsigned>(alternate.ss_flags) & ~(SS_AUTODISARM | SS_ONSTACK);
    if (!on_alternate_stack(task.alternate_stack, frame.sp()) && (mode == 0 || mode == SS_DISABLE)) {
        alternate.ss_flags &= ~SS_ONSTACK;
        task.alternate_stack = alternate;
    }
    set_blocked(task, restored->mask);
    return {};
}

void notify_parent(Process& process, int code) {
    auto memory = make<QueuedSignal>();
    Box<QueuedSignal> element = memory ? std::move(*memory) : nullptr;
    CpuTime used = process::cpu_time(process);
    process::TreeLock tree;
    Process* parent = process.kin(tree).parent;
    if (!parent) return;
    SignalAction action{};
    int number;
    {
        auto lock = parent->lock_signals();
        action = action_of(*parent, SIGCHLD, lock);
    }
    {
        auto lock = process.lock_signals();
        number = code == CLD_STOPPED ? process.signals(lock).job.signal() : SIGCONT;
    }
    if (action.handler != handler_ignore && !(action.flags & SA_NOCLDSTOP))
        send_prepared(*parent, process::child_info(process, *parent, code, number, used, tree), element);
    parent->child_changed.notify_all();
}
} // namespace signals
