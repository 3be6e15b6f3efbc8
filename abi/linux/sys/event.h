// epoll, eventfd, timerfd, signalfd, inotify.
#pragma once
#include "abi/linux/arguments.h"
#include "kernel/process/signals/signals.h"
#include <linux/eventpoll.h>
#include <linux/time_types.h>

namespace linux_abi::sys {
Result<int> epoll_create(Task&, int size);
Result<int> epoll_create1(Task&, u32 flags);
Result<> epoll_ctl(Task&, Fd epoll, int operation, Fd target, UserPtr<const epoll_event> event);
Result<usize> epoll_wait(Task&, Fd epoll, UserPtr<epoll_event> events, int count, int milliseconds);
Result<usize> epoll_pwait(Task&, Fd epoll, UserPtr<epoll_event> events, int count, int milliseconds,
                          UserPtr<const SignalSet> mask, usize mask_size);
Result<usize> epoll_pwait2(Task&, Fd epoll, UserPtr<epoll_event> events, int count,
                           UserPtr<const __kernel_timespec> timeout, UserPtr<const SignalSet> mask, usize mask_size);
Result<int> eventfd(Task&, u32 initial);
Result<int> eventfd2(Task&, u32 initial, u32 flags);
Result<int> timerfd_create(Task&, int clock, u32 flags);
Result<> timerfd_settime(Task&, Fd, u32 flags, UserPtr<const __kernel_itimerspec> to, UserPtr<__kernel_itimerspec> old);
Result<> timerfd_gettime(Task&, Fd, UserPtr<__kernel_itimerspec> to);
Result<int> signalfd(Task&, Fd, UserPtr<const SignalSet> mask, usize mask_size);
Result<int> signalfd4(Task&, Fd, UserPtr<const SignalSet> mask, usize mask_size, u32 flags);
Result<int> inotify_init(Task&);
Result<int> inotify_init1(Task&, u32 flags);
Result<int> inotify_add_watch(Task&, Fd, UserPath, u32 mask);
Result<> inotify_rm_watch(Task&, Fd, int number);
} // namespace linux_abi::sys
