#include "core/time/clock.h"
#include "core/wait/clock_set.h"
#include "kernel/ipc/event.h"
#include "kernel/vfs/anonymous.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/time.h>

namespace event {
namespace {
constexpr char timer_kind = 0;

class TimerFile final : public vfs::AnonymousFile {
public:
    TimerFile(Ref<vfs::Inode> inode, int clock, u32 file_flags)
        : AnonymousFile{"timerfd", std::move(inode), file_flags}, clock_{clock}, alarm_{*this}, clock_watch_{*this} {}
    ~TimerFile() override { watch_clock(false); }
    const void* kind() const override { return &timer_kind; }

    Result<usize> read(Sink& to, u64*) override {
        if (to.remaining() < sizeof(u64)) return err::inval;
        u64 ticks;
        {
            auto setting = setting_.lock();
            bool cancelled = setting->cancelled();
            ticks = expirations(*setting);
            if (cancelled || ticks) {
                if (setting->interval)
                    setting->next += static_cast<i64>(ticks) * setting->interval;
                else if (ticks)
                    setting->next = 0;
                arm(*setting);
            } else
                follow_clock(*setting);
            if (cancelled) return err::canceled; // the ticks are lost, as on Linux
            if (ticks == 0) return err::again;
        }
        return to.put(std::as_bytes(std::span{&ticks, 1}));
    }
    u32 poll() override {
        auto setting = setting_.lock();
        follow_clock(*setting);
        return setting->cancelled() || expirations(*setting) ? EPOLLIN | EPOLLRDNORM : 0;
    }
    void print_info(Writer& out) override {
        auto now = get();
        print(out, "clockid: {}\nit_value: ({}, {})\nit_interval: ({}, {})\n", clock_, now.value / second,
              now.value % second, now.interval / second, now.interval % second);
    }

    TimerSetting set(TimerSetting to, bool absolute, bool cancel_on_set, const clocks::Offsets& ahead) {
        TimerSetting old = get();
        auto setting = setting_.lock();
        // A relative time is one of the monotonic clock: setting the wall clock does not move it.
        setting->wall = absolute && (clock_ == CLOCK_REALTIME || clock_ == CLOCK_REALTIME_ALARM);
        setting->cancel_on_set = setting->wall && cancel_on_set;
        setting->interval = to.interval;
        setting->next = to.value && absolute && !setting->wall ? to_machine(to.value, ahead) : to.value;
        if (to.value && !absolute)
            if (__builtin_add_overflow(setting->now(), to.value, &setting->next)) setting->next = ~u64{0} >> 1;
        arm(*setting);
        return old;
    }
    TimerSetting get() {
        auto setting = setting_.lock();
        if (setting->next == 0) return {0, setting->interval};
        i64 left = setting->next - setting->now();
        // Expired, and not read: the time to the next tick.
        if (left <= 0) left = setting->interval ? setting->interval - -left % setting->interval : 0;
        return {left, setting->interval};
    }

private:
    static constexpr i64 second = static_cast<i64>(clocks::ns_per_second);
    struct Setting {
        i64 next = 0; // of the wall or the monotonic clock; 0: disarmed
        i64 interval = 0;
        bool wall = false, cancel_on_set = false;
        u64 clock_changes = 0; // of the wall clock, when the alarm was set
        i64 now() const { return wall ? clocks::realtime_ns() : static_cast<i64>(clocks::monotonic_ns()); }
        bool cancelled() const { return cancel_on_set && clock_changes != clocks::realtime_changes(); }
    };
    /// The timer only says that it is time to look.
    struct Alarm final : Timer {
        explicit Alarm(TimerFile& of)
            : Timer{[](Timer& t) { static_cast<Alarm&>(t).file.changed_.notify_all(); }}, file{of} {}
        TimerFile& file;
    };

    /// The wall clock has been set: who waits looks again.
    struct ClockWatch final : Waiter {
        explicit ClockWatch(TimerFile& of) : file{of} {}
        bool notified(u32) override { return file.changed_.notify_nested(); }
        TimerFile& file;
        bool waits = false; // under the setting's lock
    };

    i64 to_machine(i64 at, const clocks::Offsets& ahead) const {
        bool boottime = clock_ == CLOCK_BOOTTIME || clock_ == CLOCK_BOOTTIME_ALARM;
        return static_cast<i64>(clocks::to_machine(static_cast<u64>(at), boottime ? ahead.boottime : ahead.monotonic));
    }
    static u64 expirations(const Setting& s) {
        if (s.next == 0) return 0;
        i64 late = s.now() - s.next;
        if (late < 0) return 0;
        return s.interval ? static_cast<u64>(late / s.interval) + 1 : 1;
    }
    void arm(Setting& s) {
        watch_clock(s.wall && s.next);
        s.clock_changes = clocks::realtime_changes(); // a change from here on is noticed
        if (s.next == 0) return alarm_.cancel();
        i64 left = s.next - s.now();
        alarm_.arm(Deadline{clocks::monotonic_ns() + static_cast<u64>(left > 0 ? left : 0)});
    }

    /// The alarm was set by a clock that has been set since. What cancels is told first.
    void follow_clock(Setting& s) {
        if (s.wall && s.next && !s.cancel_on_set && s.clock_changes != clocks::realtime_changes()) arm(s);
    }
    void watch_clock(bool on) {
        if (on == clock_watch_.waits) return;
        clock_watch_.waits = on;
        if (on)
            clocks::realtime_was_set().add(clock_watch_);
        else
            clocks::realtime_was_set().remove(clock_watch_);
    }

    const int clock_;
    Guarded<Setting, Mutex<Rank::stream>> setting_;
    Alarm alarm_;
    ClockWatch clock_watch_;
};

Result<TimerFile*> as_timer(File& file) {
    if (file.kind() != &timer_kind) return err::inval;
    return static_cast<TimerFile*>(&file);
}
} // namespace

Result<Ref<File>> create_timer(int clock, u32 flags) {
    return TRY(make_ref<TimerFile>(TRY(vfs::make_anonymous_inode()), clock, flags));
}
Result<TimerSetting> set_timer(File& file, TimerSetting to, bool absolute, bool cancel_on_set,
                               const clocks::Offsets& ahead) {
    return TRY(as_timer(file))->set(to, absolute, cancel_on_set, ahead);
}
Result<TimerSetting> get_timer(File& file) { return TRY(as_timer(file))->get(); }
} // namespace event
