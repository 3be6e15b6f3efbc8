// Signals: sending, waiting, handlers, masks.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include "abi/linux/sys/timespec.h"
#include "kernel/process/signals/signals.h"

namespace linux_abi::sys {
Result<> kill(Task&, int pid, int signal);
Result<> tkill(Task&, int tid, int signal);
Result<> tgkill(Task&, int pid, int tid, int signal);
Result<> rt_sigqueueinfo(Task&, int pid, int signal, UserPtr<const siginfo_t>);
Result<> rt_tgsigqueueinfo(Task&, int pid, int tid, int signal, UserPtr<const siginfo_t>);
Result<> rt_sigaction(Task&, int signal, uptr change, uptr old, usize set_size);
Result<> rt_sigprocmask(Task&, int how, UserPtr<const u64> set, UserPtr<u64> old, usize set_size);
Result<> rt_sigpending(Task&, UserPtr<u64> set, usize set_size);
Result<> rt_sigsuspend(Task&, UserPtr<const u64> mask, usize set_size);
Result<int> rt_sigtimedwait(Task&, UserPtr<const u64> set, UserPtr<siginfo_t> info, UserPtr<const Timespec> timeout,
                            usize set_size);
Result<Resume> rt_sigreturn(Task&);
Result<> sigaltstack(Task&, UserPtr<const stack_t> change, UserPtr<stack_t> old);
Result<> pause(Task&);
Result<i64> restart_syscall(Task&);
} // namespace linux_abi::sys
