// Processes and threads: making them, ending them, waiting for them, programs.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include <asm/siginfo.h>
#include <linux/resource.h>
#include <linux/sched.h>

namespace linux_abi::sys {
Result<int> fork(Task&);
Result<int> vfork(Task&);
Result<int> clone(Task&, u64 flags, uptr stack, UserPtr<int> parent_tid, u64 fourth, u64 fifth);
Result<int> clone3(Task&, UserPtr<const clone_args>, usize size);
Result<Resume> execve(Task&, UserPath path, UserPtr<const uptr> arguments, UserPtr<const uptr> environment);
Result<Resume> execveat(Task&, DirFd, UserPath path, UserPtr<const uptr> arguments, UserPtr<const uptr> environment,
                        int flags);
Result<> exit(Task&, int code);
Result<> exit_group(Task&, int code);
Result<int> wait4(Task&, int pid, UserPtr<int> status, int options, UserPtr<rusage>);
Result<> waitid(Task&, int type, int id, UserPtr<siginfo_t>, int options, UserPtr<rusage>);
Result<int> getpid(Task&);
Result<int> getppid(Task&);
Result<int> gettid(Task&);
Result<int> set_tid_address(Task&, uptr);
Result<int> getpgid(Task&, int pid);
Result<int> getpgrp(Task&);
Result<> setpgid(Task&, int pid, int group);
Result<int> getsid(Task&, int pid);
Result<int> setsid(Task&);
Result<i64> prctl(Task&, int option, u64, u64, u64, u64);
Result<i64> arch_prctl(Task&, int code, uptr address);
Result<u32> personality(Task&, u32 persona);
Result<int> pidfd_open(Task&, int pid, u32 flags);
Result<> pidfd_send_signal(Task&, Fd, int signal, UserPtr<const siginfo_t>, u32 flags);
Result<int> pidfd_getfd(Task&, Fd, int target, u32 flags);
Result<> unshare(Task&, u64 flags);
Result<> setns(Task&, Fd, int type);
Result<i64> ptrace(Task&, i64 request, i64 pid, uptr address, uptr data);
Result<> riscv_flush_icache(Task&, uptr start, uptr end, uptr flags);
} // namespace linux_abi::sys
