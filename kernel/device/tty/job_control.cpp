// Controlling terminals, foreground groups, hang-ups: what POSIX calls job control.
#include "kernel/device/tty/terminal_impl.h"
#include "kernel/process/task.h"
#include <linux/capability.h>

namespace tty {
namespace {
Ref<ProcessGroup> foreground_of(Terminal::Impl& t) {
    process::TreeLock tree;
    return t.foreground;
}
/// The task's group; null: its process has been reaped.
const Ref<ProcessGroup>& group_of(Task& task, const process::TreeLock& tree) { return task.process().kin(tree).group; }
} // namespace

void signal_foreground(Terminal::Impl& t, int number) {
    if (auto group = foreground_of(t)) signals::send_group(*group, number);
}

Result<> check_foreground(Terminal::Impl& t, int signal) {
    Task& task = Task::current();
    Ref<ProcessGroup> own;
    {
        process::TreeLock tree;
        own = group_of(task, tree);
        if (!own || t.session != &own->session()) return {};
        if (!t.foreground || t.foreground == own) return {};
    }
    if (signals::ignored_or_blocked(task, signal)) return signal == SIGTTIN ? Result<>{err::io} : Result<>{};
    if (process::is_orphaned(*own)) return err::io;
    signals::send_group(*own, signal);
    return err::restartsys;
}

void end_session(Terminal::Impl& t, bool signal_leader) {
    Ref<Process> leader;
    Ref<Session> session;
    Ref<ProcessGroup> foreground;
    Ref<TerminalBase> terminal; // what the session held goes without the lock
    {
        process::TreeLock tree;
        if (!t.session) return;
        leader = Ref<Process>::share(t.session->leader(tree));
        terminal = std::move(t.session->terminal(tree));
        foreground = std::move(t.foreground);
        session = std::move(t.session);
    }
    if (!leader || !signal_leader) return;
    (void)signals::send(*leader, signals::info_kernel(SIGHUP));
    (void)signals::send(*leader, signals::info_kernel(SIGCONT));
}

void Terminal::enter_session(Session& session, Ref<ProcessGroup> foreground) {
    auto entered = Ref<Session>::share(&session);
    process::TreeLock tree;
    std::swap(impl_->session, entered);
    std::swap(impl_->foreground, foreground);
    session.terminal(tree) = Ref<Terminal>::share(this);
}

void Terminal::leave_session(Session& session) {
    {
        process::TreeLock tree;
        if (impl_->session != &session) return;
    }
    if (auto group = foreground_of(*impl_)) {
        signals::send_group(*group, SIGHUP);
        signals::send_group(*group, SIGCONT);
    }
    end_session(*impl_, false);
}
bool Terminal::controls_session() const {
    process::TreeLock tree;
    return static_cast<bool>(impl_->session);
}

void Terminal::offer_to(Task& task) {
    process::TreeLock tree;
    auto& group = group_of(task, tree);
    if (!group) return;
    Session& session = group->session();
    if (session.leader(tree) != &task.process() || session.terminal(tree) || impl_->session) return;
    impl_->session = Ref<Session>::share(&session);
    impl_->foreground = group;
    session.terminal(tree) = Ref<Terminal>::share(this);
}

Result<Ref<Terminal>> controlling_terminal() {
    process::TreeLock tree;
    auto& group = group_of(Task::current(), tree);
    if (!group || !group->session().terminal(tree)) return err::nxio;
    return Ref<Terminal>::share(terminal_of(group->session().terminal(tree)));
}
Ref<Terminal> console_of_session() {
    process::TreeLock tree;
    auto& group = group_of(Task::current(), tree);
    if (!group || !group->session().on_console) return nullptr;
    return Ref<Terminal>::share(terminal_of(group->session().terminal(tree)));
}

namespace {
/// Whether it is the task's controlling terminal.
bool controls(Terminal& t, Task& by, const process::TreeLock& tree) {
    auto& group = group_of(by, tree);
    return group && group->session().terminal(tree) == &t && t.impl().session == &group->session();
}
} // namespace

Pid Terminal::foreground_in(const PidNamespace& pids, const process::TreeLock&) const {
    return impl_->foreground ? impl_->foreground->number_in(pids) : 0;
}

Result<Pid> foreground_number(Terminal& t, Task& by, bool from_master) {
    process::TreeLock tree;
    if (!from_master && !controls(t, by, tree)) return err::notty;
    return t.impl().foreground ? t.impl().foreground->number_in(by.pids()) : 0;
}

Result<Pid> session_number(Terminal& t, Task& by, bool from_master) {
    process::TreeLock tree;
    if (!t.impl().session || (!from_master && !controls(t, by, tree))) return err::notty;
    return t.impl().session->number_in(by.pids());
}

Result<> set_foreground(Terminal& t, Task& by, Pid number) {
    if (auto may = check_foreground(t.impl(), SIGTTOU); !may)
        return may.error() == Errno::io ? Result<>{err::notty} : may;
    {
        process::TreeLock tree;
        if (!controls(t, by, tree)) return err::notty;
    }
    if (number < 0) return err::inval;
    auto group = TRY(process::find_group(by.pids(), number));
    process::TreeLock tree;
    if (!controls(t, by, tree)) return err::notty;
    if (&group->session() != &group_of(by, tree)->session()) return err::perm;
    std::swap(t.impl().foreground, group);
    return {};
}

namespace {
/// Whether it controls a session of another view, which has handed it in: there it stays.
bool is_foreign(Terminal::Impl& t, Task& by, const process::TreeLock& tree) {
    Process* leader = t.session ? t.session->leader(tree) : nullptr;
    return leader && &leader->pids() != &by.pids();
}
} // namespace

Result<> check_administers(Terminal::Impl& t, Task& by) {
    if (!by.credentials().can_everywhere(CAP_SYS_ADMIN)) return err::perm;
    process::TreeLock tree;
    if (is_foreign(t, by, tree)) return err::perm;
    return {};
}

Result<> make_controlling(Terminal& t, Task& by, bool steal) {
    Ref<TerminalBase> old;
    process::TreeLock tree;
    auto& group = group_of(by, tree);
    if (!group) return err::perm;
    Session& session = group->session();
    bool leads = session.leader(tree) == &by.process();
    auto& impl = t.impl();
    if (leads && impl.session == &session) return {};
    if (!leads || session.terminal(tree)) return err::perm;
    if (impl.session) {
        if (!steal || !by.credentials().can_everywhere(CAP_SYS_ADMIN)) return err::perm;
        if (is_foreign(impl, by, tree)) return err::perm;
        old = std::move(impl.session->terminal(tree));
    }
    impl.session = Ref<Session>::share(&session);
    impl.foreground = group;
    session.terminal(tree) = Ref<Terminal>::share(&t);
    return {};
}

Result<> give_up_controlling(Terminal& t, Task& by) {
    Ref<Session> session;
    bool leads;
    {
        process::TreeLock tree;
        if (!controls(t, by, tree)) return err::notty;
        session = Ref<Session>::share(&group_of(by, tree)->session());
        leads = session->leader(tree) == &by.process();
    }
    // A process that does not lead cannot lose the terminal alone: the session owns it.
    if (leads) t.leave_session(*session);
    return {};
}
} // namespace tty
