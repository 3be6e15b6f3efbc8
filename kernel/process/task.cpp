#include "arch/api/user_copy.h"
#include "core/time/clock.h"
#include "kernel/process/factory.h"
#include "kernel/process/timers.h"
#include "kernel/vfs/open_counts.h"
#include <linux/capability.h>
#include <linux/fcntl.h>

namespace {
/// Every task's first steps: its memory is loaded, CLONE_CHILD_SETTID is done, the registers are ready.
void begin(void*) {
    Task& task = Task::current();
    AddressSpace::use(task.space.get());
    if (uptr where = std::exchange(task.set_child_tid, 0)) {
        Pid tid = task.tid();
        (void)arch::copy_out(where, &tid, sizeof tid);
    }
    arch::enter_user();
}
} // namespace

Result<Ref<Task>> ProcessFactory::make_task(View& view) {
    Cgroup& cgroup = *view.cgroup;
    if (cgroup.tasks.fetch_add(1) >= cgroup.max_tasks) {
        cgroup.tasks.fetch_sub(1);
        return err::again;
    }
    auto* made = new (std::nothrow) Task;
    if (!made) {
        cgroup.tasks.fetch_sub(1);
        return err::nomem;
    }
    made->counted_in = view.cgroup;
    auto task = Ref<Task>::adopt(made);
    task->account = cgroup.account;
    TRY(task->init(begin, nullptr));
    task->traced = view.trace.load(std::memory_order_relaxed);
    return task;
}

Result<Ref<Process>> ProcessFactory::make_process(View& view) {
    auto* made = new (std::nothrow) Process;
    if (!made) return err::nomem;
    auto process = Ref<Process>::adopt(made);
    process->view_ = Ref<View>::share(&view);
    process->timers = TRY(make<ProcessTimers>(*process));
    return process;
}

void ProcessFactory::attach(Task& task, Ref<Process> process, PidNumber* number, bool leader) {
    task.number_ = number;
    task.identity_ = Ref<PidNumber>::share(number);
    task.own_tid_ = number->own();
    if (leader) {
        process->number_ = number;
        process->identity_ = task.identity_;
        process->own_pid_ = number->own();
    }
    task.limits_ = &process->limits;
    task.view_ = &process->view();
    task.caller = &task;
    task.process_ = std::move(process);
}

void ProcessFactory::link_thread(Task& task, bool leads, const process::TreeLock& tree, const SignalLock& held) {
    Process& process = task.process();
    Threads& threads = process.threads(tree, held);
    (void)Ref<Task>::share(&task).release(); // the link's count
    threads.list.push_back(task);
    threads.unended++;
    if (leads) threads.leader = &task;
    process.live_threads.fetch_add(1);
    process.timers->joined(task, held);
    task.number_->uses(tree).task = &task;
}

void ProcessFactory::take_over(Task& from, Task& to, const process::TreeLock& tree, const SignalLock& held) {
    std::swap(from.number_, to.number_);
    std::swap(from.own_tid_, to.own_tid_);
    std::swap(from.identity_, to.identity_);
    from.number_->uses(tree).task = &from;
    to.number_->uses(tree).task = &to;
    to.process().threads(tree, held).leader = &to;
}

Task::Task() : start_ns{clocks::monotonic_ns()} { user_state_ = &user_state; }
bool Task::must_end() { return signals::will_die(*this); }
void Task::signal(int number) { (void)signals::send(*this, signals::info_user(number)); }

void Task::count_for(Ref<User> next) {
    count_no_more();
    {
        Holding lock{shares_lock};
        std::swap(user, next);
    }
    if (!user) return;
    user->tasks.fetch_add(1, std::memory_order_relaxed);
    counted_ = true;
}

Task::~Task() {
    count_for(nullptr);
    (void)set_fs(nullptr);
    if (counted_in) counted_in->tasks.fetch_sub(1);
}

void Task::forget_number(const process::TreeLock& tree) {
    if (!number_) return;
    number_->uses(tree).task = nullptr;
    if (process_->is_led_by(*this)) {
        number_->uses(tree).process = nullptr;
        process_->number_ = nullptr;
    }
    PidNamespace::release(std::exchange(number_, nullptr), tree);
}

Result<> Task::set_fs(Ref<vfs::FsContext> next) {
    if (next) TRY(next->join());
    {
        Holding lock{shares_lock};
        std::swap(fs, next);
    }
    if (next) next->leave();
    return {};
}

void Task::set_credentials(Ref<const Credentials> who) {
    {
        Holding lock{shares_lock};
        std::swap(credentials_, who);
    }
    // CAP_IPC_LOCK lifts RLIMIT_MEMLOCK.
    bool may_lock = credentials_->can_everywhere(CAP_IPC_LOCK);
    if (space && who && who->can_everywhere(CAP_IPC_LOCK) != may_lock)
        space->set_limits(process::memory_limits(process(), *credentials_));
}

vfs::Walker Task::walker() { return {.credentials = credentials_, .umask = fs->umask, .fs = fs.get()}; }
Result<vfs::Walker> Task::walker(int dirfd) {
    if (dirfd == AT_FDCWD) return walker();
    auto file = TRY(files->get(dirfd, true));
    const vfs::Path* path = file->path();
    if (!path) return err::notdir;
    return vfs::Walker{.start = *path, .credentials = credentials_, .umask = fs->umask, .fs = fs.get()};
}

Process::Process() : start_ns{clocks::monotonic_ns()} {}
Process::~Process() {
    // What has run did that when it ended; here the last reference may go under any mutex.
    if (timers && !timers->closed()) timers->stop_all();
    (void)set_executable(nullptr);
}

void Process::adopted_by(Process* above, const process::TreeLock& tree) {
    static constinit u64 places = 0; // under the tree lock
    if (above && above->kin_.leaves) above = pids().population(tree).init;
    if (above && above->kin_.leaves) above = nullptr;
    if (Process* parent = kin_.parent) {
        parent->kin_.children.erase(parent->kin_.children.iterator_to(*this));
        if (has_ended()) parent->kin_.ended_children.erase(parent->kin_.ended_children.iterator_to(*this));
    }
    kin_.parent = above;
    parent_pid_.store(above ? above->pid(pids()) : 0, std::memory_order_relaxed);
    if (!above) return;
    kin_.maker = 0;
    kin_.child_place = ++places;
    above->kin_.children.push_back(*this);
    if (has_ended()) above->kin_.ended_children.push_back(*this);
}
void Process::become_zombie(const process::TreeLock&) {
    if (kin_.parent) kin_.parent->kin_.ended_children.insert(*this);
    state_ = ProcessState::zombie;
}
Ref<File> Process::executable() { return *executable_.lock(); }
Result<> Process::set_executable(Ref<File> file) {
    if (auto* opens = file ? vfs::open_counts(*file) : nullptr) TRY(opens->deny_writing());
    {
        auto now = executable_.lock();
        std::swap(*now, file);
    }
    if (auto* opens = file ? vfs::open_counts(*file) : nullptr) opens->allow_writing();
    return {};
} // the old one goes after the lock
