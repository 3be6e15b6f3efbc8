#include "abi/linux/sys/signal.h"
#include "kernel/process/task.h"

namespace linux_abi::sys {
namespace {
/// Signals every process that `next` finds, permissions checked; the one with the best news decides the answer.
template <class Next>
Result<> kill_many(const siginfo_t& info, Next next) {
    bool sent = false;
    Errno problem = Errno::srch;
    while (Ref<Process> process = next()) {
        if (process->state() == ProcessState::dead) continue;
        auto allowed = signals::check_permission(*process, info.si_signo);
        if (!allowed) {
            problem = allowed.error();
            continue;
        }
        if (info.si_signo) (void)signals::send(*process, info);
        sent = true;
    }
    if (sent) return {};
    return std::unexpected(problem);
}
Result<> kill_group(Task& task, Pid number, const siginfo_t& info) {
    auto group = TRY(process::find_group(task.pids(), number));
    return kill_many(info, [&, at = u64{0}] mutable { return process::next_member(*group, at); });
}
/// But init and the sender's own process.
Result<> kill_all(Task& task, const siginfo_t& info) {
    PidNamespace& pids = task.pids();
    return kill_many(info, [&, from = Pid{2}] mutable -> Ref<Process> {
        auto found = process::next(pids, from);
        if (found && found->get() == &task.process()) found = process::next(pids, task.process().pid(pids) + 1);
        if (!found) return nullptr;
        from = (*found)->pid(pids) + 1;
        return *found;
    });
}

Result<> send_to_thread(Task& task, Pid pid, Pid tid, siginfo_t info) {
    auto target = TRY(process::find_task(task.pids(), tid));
    if (pid > 0 && target->process().pid(task.pids()) != pid) return err::srch;
    TRY(signals::check_permission(target->process(), info.si_signo));
    if (!info.si_signo) return {};
    return signals::send(*target, info);
}

Result<> check_number(int signal) { return signal < 0 || signal > signal_count ? Result<>{err::inval} : Result<>{}; }
Result<> check_set_size(usize size) { return size == sizeof(SignalSet) ? Result<>{} : Result<>{err::inval}; }

Result<siginfo_t> queued_info(Task& task, Pid target, int signal, UserPtr<const siginfo_t> from) {
    siginfo_t info = TRY(copy_in(from));
    info.si_signo = signal;
    // Nobody may pretend to be the kernel or kill().
    if ((info.si_code >= 0 || info.si_code == SI_TKILL) && target != task.process().pid()) return err::perm;
    return info;
}
} // namespace

Result<> kill(Task& task, int pid, int signal) {
    TRY(check_number(signal));
    siginfo_t info = signals::info_user(signal);
    if (pid > 0) {
        auto target = TRY(process::find(task.pids(), pid));
        TRY(signals::check_permission(*target, signal));
        return signal ? signals::send(*target, info) : Result<>{};
    }
    if (pid == -1) return kill_all(task, info);
    if (pid == -2147483647 - 1) return err::srch;
    return kill_group(task, pid ? -pid : process::group_of(task.process(), task.pids()), info);
}
Result<> tkill(Task& task, int tid, int signal) {
    TRY(check_number(signal));
    if (tid <= 0) return err::inval;
    return send_to_thread(task, 0, tid, signals::info_user(signal, SI_TKILL));
}
Result<> tgkill(Task& task, int pid, int tid, int signal) {
    TRY(check_number(signal));
    if (pid <= 0 || tid <= 0) return err::inval;
    return send_to_thread(task, pid, tid, signals::info_user(signal, SI_TKILL));
}
Result<> rt_sigqueueinfo(Task& task, int pid, int signal, UserPtr<const siginfo_t> from) {
    siginfo_t info = TRY(queued_info(task, pid, signal, from));
    TRY(check_number(signal));
    auto target = TRY(process::find(task.pids(), pid));
    TRY(signals::check_permission(*target, signal));
    return signal ? signals::send(*target, info) : Result<>{};
}
Result<> rt_tgsigqueueinfo(Task& task, int pid, int tid, int signal, UserPtr<const siginfo_t> from) {
    TRY(copy_in(from));
    if (pid <= 0 || tid <= 0) return err::inval;
    siginfo_t info = TRY(queued_info(task, pid, signal, from));
    TRY(check_number(signal));
    return send_to_thread(task, pid, tid, info);
}

namespace {
/// The flags there are; others are forgotten, so that a program sees which of them the kernel knows.
constexpr u64 action_flags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |
                             SA_RESETHAND | SA_EXPOSE_TAGBITS
#ifdef SA_RESTORER // only some architectures have it
                             | SA_RESTORER
#endif
    ;

template <class A>
SignalAction from_user(const A& a) {
    SignalAction action{.handler = reinterpret_cast<uptr>(a.sa_handler),
                        .flags = a.sa_flags & action_flags,
                        .mask = std::bit_cast<SignalSet>(a.sa_mask)};
    if constexpr (requires { a.sa_restorer; }) action.restorer = reinterpret_cast<uptr>(a.sa_restorer);
    return action;
}
template <class A>
void to_user(const SignalAction& action, A& a) {
    a.sa_handler = reinterpret_cast<decltype(a.sa_handler)>(action.handler);
    a.sa_flags = action.flags;
    a.sa_mask = std::bit_cast<decltype(a.sa_mask)>(action.mask);
    if constexpr (requires { a.sa_restorer; })
        a.sa_restorer = reinterpret_cast<decltype(a.sa_restorer)>(action.restorer);
}
} // namespace

Result<> rt_sigaction(Task& task, int signal, uptr change, uptr old, usize set_size) {
    TRY(check_set_size(set_size));
    struct sigaction action{};
    SignalAction wanted{};
    if (change) {
        TRY(arch::copy_in(&action, change, sizeof action));
        wanted = from_user(action);
    }
    SignalAction before = TRY(signals::set_action(task, signal, change ? &wanted : nullptr));
    if (!old) return {};
    action = {};
    to_user(before, action);
    return arch::copy_out(old, &action, sizeof action);
}

Result<> rt_sigprocmask(Task& task, int how, UserPtr<const u64> set, UserPtr<u64> old, usize set_size) {
    TRY(check_set_size(set_size));
    SignalSet before = task.blocked();
    if (set) {
        SignalSet bits = TRY(copy_in(set)) & ~unblockable;
        switch (how) {
        case SIG_BLOCK: bits |= before; break;
        case SIG_UNBLOCK: bits = before & ~bits; break;
        case SIG_SETMASK: break;
        default: return err::inval;
        }
        signals::set_blocked(task, bits);
    }
    return old ? copy_out(old, before) : Result<>{};
}
Result<> rt_sigpending(Task& task, UserPtr<u64> set, usize set_size) {
    if (set_size > sizeof(SignalSet)) return err::inval;
    SignalSet pending = [&] {
        auto lock = task.process().lock_signals();
        return signals::pending(task, lock) & task.blocked();
    }();
    return arch::copy_out(set.address(), &pending, set_size);
}
Result<> rt_sigsuspend(Task& task, UserPtr<const u64> mask, usize set_size) {
    TRY(check_set_size(set_size));
    return signals::suspend(task, TRY(copy_in(mask)));
}
Result<int> rt_sigtimedwait(Task& task, UserPtr<const u64> set, UserPtr<siginfo_t> to, UserPtr<const Timespec> timeout,
                            usize set_size) {
    TRY(check_set_size(set_size));
    SignalSet which = TRY(copy_in(set));
    Deadline until = TRY(deadline_in(timeout));
    siginfo_t info = TRY(signals::wait(task, which, until));
    if (to) TRY(copy_out_zeroed(to, info));
    return info.si_signo;
}
Result<Resume> rt_sigreturn(Task& task) {
    (void)signals::return_from_handler(task, arch::user_frame(task)); // on failure SIGSEGV is pending
    return Resume{};
}

Result<> sigaltstack(Task& task, UserPtr<const stack_t> change, UserPtr<stack_t> old) {
    stack_t& now = task.alternate_stack;
    stack_t before{};
    before.ss_sp = now.ss_sp;
    before.ss_flags = now.ss_flags;
    before.ss_size = now.ss_size;
    uptr base = reinterpret_cast<uptr>(now.ss_sp), sp = arch::user_frame(task).sp();
    bool disarms = static_cast<unsigned>(now.ss_flags) & SS_AUTODISARM;
    bool on_it = !(now.ss_flags & SS_DISABLE) && !disarms && sp > base && sp - base <= now.ss_size;
    if (on_it) before.ss_flags |= SS_ONSTACK;
    if (change) {
        stack_t wanted = TRY(copy_in(change));
        if (on_it) return err::perm;
        unsigned mode = static_cast<unsigned>(wanted.ss_flags) & ~SS_AUTODISARM;
        if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return err::inval;
        if (mode == SS_DISABLE) {
            wanted.ss_sp = nullptr;
            wanted.ss_size = 0;
        } else {
            if (wanted.ss_size < MINSIGSTKSZ) return err::nomem;
            wanted.ss_flags &= ~SS_ONSTACK;
        }
        now.ss_sp = wanted.ss_sp;
        now.ss_flags = wanted.ss_flags;
        now.ss_size = wanted.ss_size;
    }
    return old ? copy_out_zeroed(old, before) : Result<>{};
}

Result<> pause(Task&) {
    Sleeper self;
    while (self.sleep()) {}
    return err::restartnohand;
}

Result<i64> restart_syscall(Task& task) {
    auto* function = std::exchange(task.restart.function, nullptr);
    if (!function) return err::intr;
    i64 result = function(task);
    if (result < 0) return std::unexpected(static_cast<Errno>(-result));
    return result;
}
} // namespace linux_abi::sys
