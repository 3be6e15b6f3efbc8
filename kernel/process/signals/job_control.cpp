#include "kernel/process/signals/job_control.h"
#include "kernel/process/task.h"
#include <linux/wait.h>

Stop JobControl::move(Task& task, Stop to, const SignalLock& held) {
    Stop was = task.signals(held).stop.exchange(to, std::memory_order_relaxed);
    stopping_ += to == Stop::stopping;
    stopping_ -= was == Stop::stopping;
    return was;
}

void JobControl::ask(Task& task, const SignalLock& held) {
    if (task.signals(held).stop == Stop::none) move(task, Stop::asked, held);
}

void JobControl::begin(Task& task, int number, const SignalLock& held) {
    Process& process = task.process();
    auto& shared = process.signals(held);
    // SIGCONT may have come meanwhile, or another thread begun.
    if (task.signals(held).stop != Stop::asked || shared.ending || shared.executing) return;
    if (!signal_) signal_ = number;
    state_ = Stop::stopping;
    for_each_thread(process, held, [&](Task& t) {
        if (t.is_exiting() || t.signals(held).stop == Stop::stopped) return;
        move(t, Stop::stopping, held);
        if (&t != &task) t.interrupt();
    });
}

bool JobControl::settle(Task& task, Stop to, const SignalLock& held) {
    if (move(task, to, held) != Stop::stopping || stopping_ || state_ != Stop::stopping) return false;
    state_ = Stop::stopped;
    news_ = News::stopped;
    return true;
}

void JobControl::wake(Task& task, Wake by, const SignalLock& held) {
    if (!(woken_by[u8(task.signals(held).stop.load())] & u8(by))) return;
    if (move(task, Stop::none, held) == Stop::stopped) sched::wake(task);
}

void JobControl::continue_all(Process& process, const SignalLock& held) {
    for_each_thread(process, held, [&](Task& t) { wake(t, Wake::cont, held); });
    if (!(woken_by[u8(state_)] & u8(Wake::cont))) return;
    if (state_ == Stop::stopped) {
        news_ = News::continued;
        to_notify_ = true;
    }
    state_ = Stop::none;
    signal_ = 0;
}

void JobControl::end() {
    state_ = Stop::none;
    signal_ = 0;
    if (news_ == News::stopped) news_ = News::none;
}

JobControl::Report JobControl::report(bool stops, bool continues, bool keep) {
    Report report;
    if (news_ == News::stopped && stops) report = {CLD_STOPPED, signal_ << 8 | 0x7f};
    if (news_ == News::continued && continues) report = {CLD_CONTINUED, 0xffff};
    if (report.code && !keep) news_ = News::none;
    return report;
}
