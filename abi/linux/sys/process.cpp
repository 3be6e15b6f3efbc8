#include "abi/linux/sys/process.h"
#include "abi/linux/sys/path.h"
#include "abi/linux/sys/rusage.h"
#include "arch/api/code.h"
#include "kernel/process/inspect.h"
#include "kernel/process/pidfd.h"
#include "kernel/process/task.h"
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/pidfd.h>
#include <linux/ptrace.h>
#include <linux/wait.h>

namespace linux_abi::sys {
Result<int> fork(Task& task) { return process::clone(task, {.exit_signal = SIGCHLD}); }
Result<int> vfork(Task& task) {
    return process::clone(task, {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD});
}

Result<int> clone(Task& task, u64 flags, uptr stack, UserPtr<int> parent_tid, u64 fourth, u64 fifth) {
    constexpr bool tls_last = arch::syscall_numbers == arch::SyscallNumbers::x86_64;
    process::CloneRequest request{
        .flags = flags & 0xffff'ffff & ~u64{CSIGNAL},
        .stack = stack,
        .tls = tls_last ? fifth : fourth,
        .parent_tid = parent_tid.address(),
        .child_tid = tls_last ? fourth : fifth,
        .exit_signal = static_cast<int>(flags & CSIGNAL),
    };
    if (flags & CLONE_PIDFD) { // the same pointer serves both
        if (flags & CLONE_PARENT_SETTID) return err::inval;
        request.pidfd = request.parent_tid;
    }
    return process::clone(task, request);
}

Result<int> clone3(Task& task, UserPtr<const clone_args> from, usize size) {
    clone_args args = TRY(copy_in_extensible<clone_args>(from, size, CLONE_ARGS_SIZE_VER0));
    constexpr u64 legacy_only = CSIGNAL | CLONE_DETACHED;
    if (args.flags & legacy_only || args.flags & CLONE_INTO_CGROUP) return err::inval;
    if (args.exit_signal > signal_count) return err::inval;
    if (args.flags & (CLONE_THREAD | CLONE_PARENT) && args.exit_signal) return err::inval;
    if (args.stack ? !args.stack_size : args.stack_size) return err::inval;
    if (args.stack && (args.stack >= arch::user_top || args.stack_size > arch::user_top - args.stack))
        return err::inval;
    if (args.set_tid_size > 1 || (args.set_tid_size == 0) != (args.set_tid == 0)) return err::inval;
    process::CloneRequest request{
        .flags = args.flags,
        .stack = args.stack ? args.stack + args.stack_size : 0,
        .tls = args.tls,
        .parent_tid = args.parent_tid,
        .child_tid = args.child_tid,
        .pidfd = args.pidfd,
        .exit_signal = static_cast<int>(args.exit_signal),
    };
    if (args.set_tid_size) {
        request.set_tid = TRY(copy_in(UserPtr<const int>{args.set_tid}));
        if (request.set_tid < 1 || request.set_tid >= pid_max) return err::inval;
    }
    return process::clone(task, request);
}

Result<> exit(Task&, int code) { process::exit_thread((code & 0xff) << 8); }
Result<> exit_group(Task&, int code) { process::exit_group((code & 0xff) << 8); }

Result<int> wait4(Task& task, int pid, UserPtr<int> status, int options, UserPtr<rusage> usage) {
    constexpr unsigned known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    if (static_cast<unsigned>(options) & ~known) return err::inval;
    if (pid == INT_MIN) return err::srch; // names no group: it has no positive
    int type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
    Pid id = pid > 0 ? pid : pid < -1 ? -pid : 0;
    process::Waited waited;
    TRY(process::wait(task, type, id, static_cast<unsigned>(options) | WEXITED, waited));
    if (!waited.pid) return 0;
    if (status) TRY(copy_out(status, waited.status));
    if (usage) TRY(copy_out_zeroed(usage, to_rusage(waited.use)));
    return waited.pid;
}

Result<> waitid(Task& task, int type, int id, UserPtr<siginfo_t> to, int options, UserPtr<rusage> usage) {
    constexpr unsigned known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    auto bits = static_cast<unsigned>(options);
    if (bits & ~known || !(bits & (WEXITED | WSTOPPED | WCONTINUED))) return err::inval;
    Ref<Process> target;
    bool nonblocking = false;
    switch (type) {
    case P_ALL: break;
    case P_PID:
        if (id <= 0) return err::inval;
        break;
    case P_PGID:
        if (id < 0) return err::inval;
        break;
    case P_PIDFD: {
        if (id < 0) return err::inval;
        auto file = TRY(task.files->get(id));
        target = TRY(process::process_of_pidfd(*file));
        nonblocking = file->nonblocking() && !(bits & WNOHANG);
        if (nonblocking) bits |= WNOHANG;
        type = P_PID;
        id = target->pid(task.pids());
        break;
    }
    default: return err::inval;
    }
    process::Waited waited;
    TRY(process::wait(task, type, id, bits, waited));
    if (nonblocking && !waited.pid) return err::again;
    if (usage && waited.pid) TRY(copy_out_zeroed(usage, to_rusage(waited.use)));
    if (!to) return {};
    siginfo_t info{};
    if (waited.pid) {
        info.si_signo = SIGCHLD;
        info.si_code = waited.code;
        info.si_pid = waited.pid;
        info.si_uid = task.credentials().shown(waited.uid);
        int status = waited.status;
        info.si_status = waited.code == CLD_EXITED      ? status >> 8 & 0xff
                         : waited.code == CLD_STOPPED   ? status >> 8
                         : waited.code == CLD_CONTINUED ? SIGCONT
                                                        : status & 0x7f;
    }
    return copy_out_zeroed(to, info);
}

Result<int> getpid(Task& task) { return task.process().pid(); }
Result<int> getppid(Task& task) { return task.process().parent_pid(); }
Result<int> gettid(Task& task) { return task.tid(); }
Result<int> set_tid_address(Task& task, uptr address) {
    task.clear_child_tid = address;
    return task.tid();
}

namespace {
Result<Ref<Process>> process_or_self(Task& task, int pid) {
    if (pid == 0) return Ref<Process>::share(&task.process());
    return process::find(task.pids(), pid);
}
} // namespace
Result<int> getpgid(Task& task, int pid) { return process::group_of(*TRY(process_or_self(task, pid)), task.pids()); }
Result<int> getpgrp(Task& task) { return process::group_of(task.process(), task.pids()); }
Result<> setpgid(Task& task, int pid, int group) {
    if (pid < 0) return err::inval;
    return process::set_group(task, pid, group);
}
Result<int> getsid(Task& task, int pid) { return process::session_of(*TRY(process_or_self(task, pid)), task.pids()); }
Result<int> setsid(Task& task) { return process::create_session(task); }

Result<u32> personality(Task& task, u32 persona) {
    u32 old = task.personality;
    if (persona != ~0u) task.personality = persona;
    return old;
}

Result<int> pidfd_open(Task& task, int pid, u32 flags) {
    if (flags & ~u32{PIDFD_NONBLOCK} || pid <= 0) return err::inval;
    auto target = TRY(process::find_task(task.pids(), pid));
    if (target->process().pid(task.pids()) != pid) return err::inval; // a thread that is no leader
    return process::open_pidfd(task, Ref<Process>::share(&target->process()), flags);
}

Result<> pidfd_send_signal(Task& task, Fd fd, int signal, UserPtr<const siginfo_t> from, u32 flags) {
    if (flags) return err::inval;
    auto target = TRY(process::process_of_pidfd_or_directory(*TRY(task.files->get(static_cast<int>(fd)))));
    if (!target->pid(task.pids())) return err::inval;
    if (signal < 0 || signal > signal_count) return err::inval;
    siginfo_t info = signals::info_user(signal);
    if (from) {
        info = TRY(copy_in(from));
        if (info.si_signo != signal) return err::inval;
        if ((info.si_code >= 0 || info.si_code == SI_TKILL) && &target->view() == &task.view() &&
            target.get() != &task.process())
            return err::perm;
    }
    if (target->state() == ProcessState::dead) return err::srch;
    TRY(signals::check_permission(*target, signal));
    return signal ? signals::send(*target, info) : Result<>{};
}

Result<int> pidfd_getfd(Task& task, Fd fd, int wanted, u32 flags) {
    if (flags) return err::inval;
    auto target = TRY(process::process_of_pidfd(*TRY(task.files->get(static_cast<int>(fd)))));
    auto files = process::files_of(*target);
    if (!files) return err::srch;
    if (!process::may_inspect(task.credentials(), *target, process::Ids::real)) return err::perm;
    auto file = TRY(files->get(wanted, true));
    return task.install(std::move(file), true);
}

Result<> unshare(Task& task, u64 flags) {
    constexpr u64 known = CLONE_THREAD | CLONE_FS | CLONE_NEWNS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES |
                          CLONE_SYSVSEM | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID |
                          CLONE_NEWCGROUP | CLONE_NEWTIME;
    constexpr u64 views =
        CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWTIME;
    if (flags & ~known) return err::inval;
    if (flags & CLONE_NEWUSER) return err::inval;
    if (flags & views) return task.credentials().can(CAP_SYS_ADMIN) ? Result<>{err::inval} : Result<>{err::perm};
    bool alone = task.process().live_threads == 1;
    if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) && !alone) return err::inval;
    if (flags & CLONE_VM && task.space->ref_count() > 1) return err::inval;
    if (flags & CLONE_SYSVSEM) task.semaphore_undo = nullptr;
    if (flags & CLONE_FS && task.fs->ref_count() > 1) { TRY(task.set_fs(TRY(task.fs->clone()))); }
    if (flags & CLONE_FILES && task.files->ref_count() > 1) {
        auto own = TRY(task.files->clone());
        {
            Holding lock{task.shares_lock};
            std::swap(task.files, own);
        }
    }
    return {};
}

Result<> setns(Task& task, Fd fd, int) {
    TRY(task.files->get(static_cast<int>(fd)));
    return err::inval; // no descriptor stands for a namespace
}

Result<i64> ptrace(Task& task, i64 request, i64 pid, uptr, uptr) {
    if (request == PTRACE_TRACEME) return err::perm;
    TRY(process::find_task(task.pids(), static_cast<Pid>(pid)));
    return request == PTRACE_ATTACH || request == PTRACE_SEIZE ? Result<i64>{err::perm} : err::srch;
}

Result<> riscv_flush_icache(Task& task, uptr, uptr, uptr flags) {
    if (flags & ~uptr{1}) return err::inval;
    arch::sync_instructions(AddressSpace::of(task)->active_cpus);
    return {};
}
} // namespace linux_abi::sys
