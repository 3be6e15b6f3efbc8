#include "abi/linux/sys/event.h"
#include "abi/linux/sys/timeout.h"
#include "kernel/ipc/epoll.h"
#include "kernel/ipc/event.h"
#include "kernel/process/signalfd.h"
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>
#include <linux/time.h>
#include <linux/timerfd.h>

namespace linux_abi {
namespace {
constexpr u32 efd_semaphore = 1; // <sys/eventfd.h>; no UAPI header of Linux 6.1 has it

Result<HeldFile> file_of(Task& task, Fd fd) { return task.files->hold(static_cast<int>(fd)); }

/// Writes events straight to the user's array.
class EventArray final : public epoll::EventSink {
public:
    explicit EventArray(UserPtr<epoll_event> to) : to_{to} {}
    Result<> put(const epoll::Event& event) override {
        epoll_event out{};
        out.events = event.events;
        out.data = event.data;
        TRY(copy_out_zeroed(to_, out));
        to_ = to_ + 1;
        return {};
    }

private:
    UserPtr<epoll_event> to_;
};

Result<usize> wait_for_events(Task& task, Fd fd, UserPtr<epoll_event> to, int count, Deadline until) {
    constexpr usize most = (~u32{0} >> 1) / sizeof(epoll_event);
    if (count <= 0 || static_cast<usize>(count) > most) return err::inval;
    auto file = TRY(file_of(task, fd));
    EventArray events{to};
    return epoll::wait(*file, events, static_cast<usize>(count), until);
}

Deadline in_milliseconds(int n) { return n < 0 ? never : clocks::in(static_cast<u64>(n) * 1'000'000); }

__kernel_itimerspec to_itimerspec(const event::TimerSetting& s) {
    return {to_timespec(s.interval), to_timespec(s.value)};
}
} // namespace

namespace sys {
Result<int> epoll_create1(Task& task, u32 flags) {
    if (flags & ~u32{EPOLL_CLOEXEC}) return err::inval;
    return task.install(TRY(epoll::create()), flags & O_CLOEXEC);
}
Result<int> epoll_create(Task& task, int size) {
    if (size <= 0) return err::inval;
    return epoll_create1(task, 0);
}

Result<> epoll_ctl(Task& task, Fd fd, int operation, Fd target_fd, UserPtr<const epoll_event> from) {
    epoll::Event event;
    if (operation != EPOLL_CTL_DEL) {
        auto e = TRY(copy_in(from));
        event = {e.events, e.data};
        if (!task.credentials().can_everywhere(CAP_BLOCK_SUSPEND)) event.events &= ~EPOLLWAKEUP;
    }
    auto epoll = TRY(file_of(task, fd));
    auto target = TRY(file_of(task, target_fd));
    int number = static_cast<int>(target_fd);
    switch (operation) {
    case EPOLL_CTL_ADD: return epoll::add(*epoll, target.share(), number, event);
    case EPOLL_CTL_MOD: return epoll::modify(*epoll, *target, number, event);
    case EPOLL_CTL_DEL: return epoll::remove(*epoll, *target, number);
    default: return err::inval;
    }
}

Result<usize> epoll_wait(Task& task, Fd epoll, UserPtr<epoll_event> events, int count, int milliseconds) {
    return wait_for_events(task, epoll, events, count, in_milliseconds(milliseconds));
}
Result<usize> epoll_pwait(Task& task, Fd epoll, UserPtr<epoll_event> events, int count, int milliseconds,
                          UserPtr<const SignalSet> mask, usize mask_size) {
    TRY(change_mask(task, mask, mask_size));
    auto n = wait_for_events(task, epoll, events, count, in_milliseconds(milliseconds));
    signals::restore_mask(task, interrupted(n));
    return n;
}
Result<usize> epoll_pwait2(Task& task, Fd epoll, UserPtr<epoll_event> events, int count,
                           UserPtr<const __kernel_timespec> timeout, UserPtr<const SignalSet> mask, usize mask_size) {
    Deadline until = TRY(deadline_in(timeout));
    TRY(change_mask(task, mask, mask_size));
    auto n = wait_for_events(task, epoll, events, count, until);
    signals::restore_mask(task, interrupted(n));
    return n;
}

Result<int> eventfd2(Task& task, u32 initial, u32 flags) {
    if (flags & ~u32{efd_semaphore | O_CLOEXEC | O_NONBLOCK}) return err::inval;
    return task.install(TRY(event::create_counter(initial, flags & efd_semaphore, flags & O_NONBLOCK)),
                        flags & O_CLOEXEC);
}
Result<int> eventfd(Task& task, u32 initial) { return eventfd2(task, initial, 0); }

Result<int> timerfd_create(Task& task, int clock, u32 flags) {
    if (flags & ~u32{TFD_CLOEXEC | TFD_NONBLOCK}) return err::inval;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME: break;
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        if (!task.credentials().can_everywhere(CAP_WAKE_ALARM)) return err::perm;
        break;
    default: return err::inval;
    }
    return task.install(TRY(event::create_timer(clock, flags & TFD_NONBLOCK)), flags & O_CLOEXEC);
}

Result<> timerfd_settime(Task& task, Fd fd, u32 flags, UserPtr<const __kernel_itimerspec> from,
                         UserPtr<__kernel_itimerspec> old) {
    auto to = TRY(copy_in(from));
    if (flags & ~u32{TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET}) return err::inval;
    event::TimerSetting setting{TRY(to_ns(to.it_value)), TRY(to_ns(to.it_interval))};
    auto file = TRY(file_of(task, fd));
    auto before = TRY(event::set_timer(*file, setting, flags & TFD_TIMER_ABSTIME, flags & TFD_TIMER_CANCEL_ON_SET,
                                       task.view().time->offsets));
    if (!old) return {};
    return copy_out(old, to_itimerspec(before));
}
Result<> timerfd_gettime(Task& task, Fd fd, UserPtr<__kernel_itimerspec> to) {
    auto file = TRY(file_of(task, fd));
    return copy_out(to, to_itimerspec(TRY(event::get_timer(*file))));
}

Result<int> signalfd4(Task& task, Fd fd, UserPtr<const SignalSet> mask, usize mask_size, u32 flags) {
    if (flags & ~u32{SFD_CLOEXEC | SFD_NONBLOCK} || mask_size != sizeof(SignalSet)) return err::inval;
    auto wanted = TRY(copy_in(mask));
    if (static_cast<int>(fd) == -1)
        return task.install(TRY(process::create_signalfd(wanted, flags & SFD_NONBLOCK)), flags & O_CLOEXEC);
    auto file = TRY(file_of(task, fd));
    TRY(process::set_signalfd(*file, wanted));
    return static_cast<int>(fd);
}
Result<int> signalfd(Task& task, Fd fd, UserPtr<const SignalSet> mask, usize mask_size) {
    return signalfd4(task, fd, mask, mask_size, 0);
}
} // namespace sys
} // namespace linux_abi
