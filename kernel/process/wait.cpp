#include "kernel/process/tree.h"
#include <linux/wait.h>

namespace process {
bool is_child_of(Process& child, Task& thread, const TreeLock& tree) {
    Process& process = thread.process();
    PidNumber* number = process.pids().find(child.kin(tree).maker, tree);
    Task* maker = number ? number->uses(tree).task : nullptr;
    if (maker && &maker->process() == &process && !maker->is_exiting()) return maker == &thread;
    for (const ThreadLink& link : process.threads(tree).list)
        if (Task& first = task_of(link); !first.is_exiting()) return &first == &thread;
    return false;
}

namespace {
bool selected(Process& child, Task& waiter, int id_type, Pid id, unsigned options, const TreeLock& tree) {
    Process& parent = waiter.process();
    const PidNamespace& pids = parent.pids();
    Kinship& its = child.kin(tree);
    switch (id_type) {
    case P_PID:
        if (child.pid(pids) != id) return false;
        break;
    case P_PGID:
        if (!its.group || (id ? its.group->number_in(pids) != id : its.group != parent.kin(tree).group)) return false;
        break;
    default: break;
    }
    if (options & __WNOTHREAD && !is_child_of(child, waiter, tree)) return false;
    if (options & __WALL) return true;
    bool clone_child = its.exit_signal != SIGCHLD;
    return clone_child == ((options & __WCLONE) != 0);
}

Kuid uid_of(Process& process, const TreeLock& tree) {
    Task* leader = process.threads(tree).leader;
    return leader ? leader->credentials_ref()->uid : Kuid{0};
}

/// Finds what there is to say about this child. False: nothing.
bool look(Process& child, Process& parent, unsigned options, Waited& found, const TreeLock& tree) {
    ProcessState state = child.state();
    if (state == ProcessState::zombie) {
        ChildCode how = decode_status(child.exit_status);
        found.status = child.exit_status;
        found.code = how.code;
    } else if (state == ProcessState::running) {
        auto lock = child.lock_signals();
        auto report = child.signals(lock).job.report(options & WUNTRACED, options & WCONTINUED, options & WNOWAIT);
        if (!report.code) return false;
        found.status = report.status;
        found.code = report.code;
    } else
        return false;
    found.pid = child.pid(parent.pids());
    found.uid = uid_of(child, tree);
    return true;
}

/// Takes what wait4 reports from an ended child, and the child out of the tree.
void collect(Process& child, Process& parent, Waited& found, unsigned options, Unlinked& gone, const TreeLock& tree) {
    {
        auto lock = child.lock_signals();
        auto& used = child.accounting(lock);
        found.use = used.ended_threads;
        found.use.add(used.waited_children);
    }
    if (options & WNOWAIT) return;
    {
        auto lock = parent.lock_signals();
        parent.accounting(lock).waited_children.add(found.use);
    }
    reap(child, gone, tree);
}

/// Whether any child is selected, and what there is to say of one.
struct Search {
    Task& waiter;
    int id_type;
    Pid id;
    unsigned options;
    Waited& found;
    bool any = false;
    Process& parent = waiter.process();
    /// Otherwise nothing is to be said of those that run.
    const bool of_running = options & (WUNTRACED | WCONTINUED);
    u64 behind = 0; // the place of who was looked at last

    /// Whether this one ends the search.
    bool settled_by(Process& child, Unlinked& gone, const TreeLock& tree) {
        if (!selected(child, waiter, id_type, id, options, tree)) return false;
        // One that has ended can report nothing else any more.
        bool zombie = child.state() == ProcessState::zombie;
        if (zombie && !(options & WEXITED)) return false;
        any = true;
        bool told = look(child, parent, options, found, tree);
        if (told && zombie) collect(child, parent, found, options, gone, tree);
        return told || !of_running;
    }
    /// Goes on some steps in a row. Whether that ends here.
    template <class Children>
    bool go_on(Children& children, Unlinked& gone, const TreeLock& tree) {
        constexpr unsigned at_once = 32;
        auto at = children.upper_bound(behind);
        for (unsigned n = 0; n < at_once; n++) {
            if (at == children.end()) return true;
            Process& child = *at++;
            behind = child.kin(tree).child_place;
            if (settled_by(child, gone, tree)) return true;
        }
        return false;
    }
    /// Those that have ended come first, if they are all that matters.
    void run() {
        for (bool ended = !of_running;;) {
            Unlinked gone; // goes after the lock
            TreeLock tree;
            if (id_type == P_PID) {
                PidNumber* number = parent.pids().find(id, tree);
                Process* child = number ? number->uses(tree).process : nullptr;
                if (child && child->kin(tree).parent == &parent) settled_by(*child, gone, tree);
                return;
            }
            Kinship& kin = parent.kin(tree);
            bool through = ended ? go_on(kin.ended_children, gone, tree) : go_on(kin.children, gone, tree);
            if (through && (!ended || any)) return;
            if (!through) continue;
            ended = false;
            behind = 0;
        }
    }
};
} // namespace

Result<> wait(Task& current, int id_type, Pid id, unsigned options, Waited& found) {
    bool any = false;
    TRY(wait_until(current.process().child_changed, [&] {
        Search search{current, id_type, id, options, found};
        search.run();
        any = search.any;
        return found.pid || !any || options & WNOHANG;
    }));
    return any ? Result<>{} : err::child;
}
} // namespace process
