#include "kernel/process/clock.h"
#include "kernel/process/timers.h"
#include "kernel/process/tree.h"
#include <algorithm>

namespace process {
namespace {
constexpr u64 least_look_ns = 1'000'000;
}

Clock Clock::cpu_of(Ref<Process> process, bool user_only) {
    Clock clock{Kind::process_cpu};
    clock.process_ = std::move(process);
    clock.user_only_ = user_only;
    return clock;
}
Clock Clock::cpu_of(Ref<Task> thread, bool user_only) {
    Clock clock{Kind::thread_cpu};
    clock.process_ = Ref<Process>::share(&thread->process());
    clock.thread_ = std::move(thread);
    clock.user_only_ = user_only;
    return clock;
}

u64 Clock::now() const {
    if (kind_ <= Kind::boottime) return clocks::monotonic_ns() + static_cast<u64>(ahead_);
    if (kind_ == Kind::wall) return static_cast<u64>(clocks::realtime_ns());
    return reading(kind_ == Kind::thread_cpu ? thread_->cpu_time() : cpu_time(*process_));
}

bool Clock::has_stopped() const {
    if (kind_ == Kind::thread_cpu) return thread_->has_ended();
    return kind_ == Kind::process_cpu && process_->has_ended();
}
bool Clock::is_gone() const {
    if (!is_cpu() || !has_stopped()) return false;
    return process_->state() == ProcessState::dead || (thread_ && !process_->is_led_by(*thread_));
}

Deadline Clock::in(u64 ns) const {
    if (!is_cpu()) return clocks::in(ns);
    if (has_stopped()) return never;
    unsigned threads = kind_ == Kind::process_cpu ? process_->live_threads.load() : 1;
    return clocks::in(std::max(ns / std::max(threads, 1u), least_look_ns));
}

void set_wall_clock(i64 ns) {
    clocks::set_realtime(ns);
    for (Pid from = 1;;) {
        auto next = process::next(PidNamespace::root(), from);
        if (!next) return;
        from = (*next)->pid(PidNamespace::root()) + 1;
        (*next)->timers->wall_clock_was_set();
    }
}
} // namespace process
