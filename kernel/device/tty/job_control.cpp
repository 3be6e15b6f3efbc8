// Controlling terminals, foreground groups, hang-ups: what POSIX calls job control.
#include "kernel/device/tty/terminal_impl.h"
#include "kernel/process/task.h"
#include <linux/capability.h>

namespace tty {
namespace {
// References to groups and sessions are copied and dropped under the tree lock.
class GroupRef {
public:
    explicit GroupRef(Ref<ProcessGroup> g) : group_{std::move(g)} {}
    ~GroupRef() {
        Holding tree{process::tree_lock()};
        group_ = nullptr;
    }
    ProcessGroup* get() const { return group_.get(); }
    Ref<ProcessGroup>& ref() { return group_; }

private:
    Ref<ProcessGroup> group_;
};

Ref<ProcessGroup> foreground_of(Terminal::Impl& t) {
    Holding tree{process::tree_lock()};
    return t.foreground;
}
} // namespace

void signal_foreground(Terminal::Impl& t, int number) {
    GroupRef group{foreground_of(t)};
    if (group.get()) signals::send_group(*group.get(), number);
}

Result<> check_foreground(Terminal::Impl& t, int signal) {
    Task& task = Task::current();
    GroupRef own{nullptr};
    {
        Holding tree{process::tree_lock()};
        auto& group = task.process().group;
        if (!group || !t.session || group->session != t.session.get()) return {};
        if (!t.foreground || t.foreground == group) return {};
        own.ref() = group;
    }
    if (signals::ignored_or_blocked(task, signal)) return signal == SIGTTIN ? Result<>{err::io} : Result<>{};
    if (process::is_orphaned(*own.get())) return err::io;
    signals::send_group(*own.get(), signal);
    return err::restartsys;
}

void end_session(Terminal::Impl& t, bool signal_leader) {
    Ref<Process> leader;
    Ref<TerminalBase> terminal; // what the session held goes without the lock
    {
        Holding tree{process::tree_lock()};
        if (!t.session) return;
        leader = Ref<Process>::share(t.session->leader);
        if (t.session->terminal) terminal = std::move(t.session->terminal);
        t.foreground = nullptr;
        t.session = nullptr;
    }
    if (!leader || !signal_leader) return;
    (void)signals::send(*leader, signals::info_kernel(SIGHUP));
    (void)signals::send(*leader, signals::info_kernel(SIGCONT));
}

void Terminal::enter_session(Session& session, Ref<ProcessGroup> foreground) {
    GroupRef given{std::move(foreground)};
    Holding tree{process::tree_lock()};
    impl_->session = Ref<Session>::share(&session);
    impl_->foreground = std::move(given.ref());
    session.terminal = Ref<Terminal>::share(this);
}

void Terminal::leave_session(Session& session) {
    {
        Holding tree{process::tree_lock()};
        if (impl_->session != &session) return;
    }
    {
        GroupRef group{foreground_of(*impl_)};
        if (group.get()) {
            signals::send_group(*group.get(), SIGHUP);
            signals::send_group(*group.get(), SIGCONT);
        }
    }
    end_session(*impl_, false);
}
bool Terminal::controls_session() const {
    Holding tree{process::tree_lock()};
    return static_cast<bool>(impl_->session);
}

void Terminal::offer_to(Task& task) {
    Holding tree{process::tree_lock()};
    auto& group = task.process().group;
    if (!group) return;
    Session& session = *group->session;
    if (session.leader != &task.process() || session.terminal || impl_->session) return;
    impl_->session = group->session;
    impl_->foreground = group;
    session.terminal = Ref<Terminal>::share(this);
}

Result<Ref<Terminal>> controlling_terminal() {
    Holding tree{process::tree_lock()};
    auto& group = Task::current().process().group;
    if (!group || !group->session->terminal) return err::nxio;
    return Ref<Terminal>::share(terminal_of(group->session->terminal));
}
Ref<Terminal> console_of_session() {
    Holding tree{process::tree_lock()};
    auto& group = Task::current().process().group;
    return group && group->session->on_console ? Ref<Terminal>::share(terminal_of(group->session->terminal)) : nullptr;
}

namespace {
/// Whether it is the task's controlling terminal. The tree lock is held.
bool controls(Terminal& t, Task& by) {
    auto& group = by.process().group;
    return group && group->session->terminal == &t && t.impl().session == group->session;
}
} // namespace

Pid Terminal::foreground_in(const PidNamespace& pids) const {
    return impl_->foreground ? impl_->foreground->number_in(pids) : 0;
}

Result<Pid> foreground_number(Terminal& t, Task& by, bool from_master) {
    Holding tree{process::tree_lock()};
    if (!from_master && !controls(t, by)) return err::notty;
    return t.impl().foreground ? t.impl().foreground->number_in(by.pids()) : 0;
}

Result<Pid> session_number(Terminal& t, Task& by, bool from_master) {
    Holding tree{process::tree_lock()};
    if (!t.impl().session || (!from_master && !controls(t, by))) return err::notty;
    return t.impl().session->number_in(by.pids());
}

Result<> set_foreground(Terminal& t, Task& by, Pid number) {
    if (auto may = check_foreground(t.impl(), SIGTTOU); !may)
        return may.error() == Errno::io ? Result<>{err::notty} : may;
    {
        Holding tree{process::tree_lock()};
        if (!controls(t, by)) return err::notty;
    }
    if (number < 0) return err::inval;
    GroupRef group{TRY(process::find_group(by.pids(), number))};
    Holding tree{process::tree_lock()};
    if (!controls(t, by)) return err::notty;
    if (group.get()->session != by.process().group->session) return err::perm;
    t.impl().foreground = group.ref();
    return {};
}

namespace {
/// Whether it controls a session of another view, which has handed it in: there it stays. The tree lock is held.
bool is_foreign(Terminal::Impl& t, Task& by) {
    Process* leader = t.session ? t.session->leader : nullptr;
    return leader && &leader->pids() != &by.pids();
}
} // namespace

Result<> check_administers(Terminal::Impl& t, Task& by) {
    if (!by.credentials().can(CAP_SYS_ADMIN)) return err::perm;
    Holding tree{process::tree_lock()};
    if (is_foreign(t, by)) return err::perm;
    return {};
}

Result<> make_controlling(Terminal& t, Task& by, bool steal) {
    Ref<TerminalBase> old;
    Holding tree{process::tree_lock()};
    auto& group = by.process().group;
    if (!group) return err::perm;
    Session& session = *group->session;
    bool leads = session.leader == &by.process();
    auto& impl = t.impl();
    if (leads && impl.session == &session) return {};
    if (!leads || session.terminal) return err::perm;
    if (impl.session) {
        if (!steal || !by.credentials().can(CAP_SYS_ADMIN)) return err::perm;
        if (is_foreign(impl, by)) return err::perm;
        old = std::move(impl.session->terminal);
    }
    impl.session = group->session;
    impl.foreground = group;
    session.terminal = Ref<Terminal>::share(&t);
    return {};
}

Result<> give_up_controlling(Terminal& t, Task& by) {
    Ref<Session> session;
    bool leads;
    {
        Holding tree{process::tree_lock()};
        if (!controls(t, by)) return err::notty;
        session = by.process().group->session;
        leads = session->leader == &by.process();
    }
    // A process that does not lead cannot lose the terminal alone: the session owns it.
    if (leads) t.leave_session(*session);
    Holding tree{process::tree_lock()};
    session = nullptr;
    return {};
}
} // namespace tty
