#include "kernel/process/tree.h"
#include <linux/wait.h>

namespace process {
bool is_child_of(Process& child, Task& thread) {
    Task *first = nullptr, *maker = nullptr;
    for_each_thread(thread.process(), [&](Task& t) {
        if (t.exiting) return;
        if (!first) first = &t;
        if (t.tid() == child.maker) maker = &t;
    });
    return &thread == (maker ? maker : first);
}

namespace {
bool selected(Process& child, Task& waiter, int id_type, Pid id, unsigned options) {
    Process& parent = waiter.process();
    const PidNamespace& pids = parent.pids();
    switch (id_type) {
    case P_PID:
        if (child.pid(pids) != id) return false;
        break;
    case P_PGID:
        if (!child.group || (id ? child.group->number_in(pids) != id : child.group != parent.group)) return false;
        break;
    default: break;
    }
    if (options & __WNOTHREAD && !is_child_of(child, waiter)) return false;
    if (options & __WALL) return true;
    bool clone_child = child.exit_signal != SIGCHLD;
    return clone_child == ((options & __WCLONE) != 0);
}

u32 uid_of(Process& process) { return process.leader ? process.leader->credentials_ref()->uid : 0; }

/// What there is to say about this child; pid 0: nothing. The tree lock is held.
Waited look(Process& child, Process& parent, unsigned options) {
    Waited found;
    bool keep = options & WNOWAIT;
    ProcessState state = child.state;
    if (state == ProcessState::zombie) {
        ChildCode how = decode_status(child.exit_status);
        found.status = child.exit_status;
        found.code = how.code;
    } else if (state == ProcessState::running) {
        Holding lock{child.signal_lock};
        if (options & WUNTRACED && child.stopped && child.stop_unreported) {
            child.stop_unreported = keep;
            found.status = child.stop_signal << 8 | 0x7f;
            found.code = CLD_STOPPED;
        } else if (options & WCONTINUED && child.continue_unreported) {
            child.continue_unreported = keep;
            found.status = 0xffff;
            found.code = CLD_CONTINUED;
        } else
            return found;
    } else
        return found;
    found.pid = child.pid(parent.pids());
    found.uid = uid_of(child);
    return found;
}

/// Whether any child is selected, and what there is to say of one. The tree lock is held.
struct Search {
    Task& waiter;
    int id_type;
    Pid id;
    unsigned options;
    bool any = false;
    Waited found{};
    Process* child = nullptr;
    Process& parent = waiter.process();

    /// Whether this one ends the search.
    bool settled_by(Process& candidate) {
        if (!selected(candidate, waiter, id_type, id, options)) return false;
        // One that has ended can report nothing else any more.
        if (candidate.state == ProcessState::zombie && !(options & WEXITED)) return false;
        any = true;
        found = look(candidate, parent, options);
        if (!found.pid) return false;
        child = &candidate;
        return true;
    }
    void run() {
        if (id_type == P_PID) {
            PidNumber* number = parent.pids().find(id);
            if (number && number->process && number->process->parent == &parent) settled_by(*number->process);
            return;
        }
        if (!(options & (WUNTRACED | WCONTINUED))) {
            for (Process& ended : parent.ended_children)
                if (settled_by(ended)) return;
            if (any) return;
        }
        for (Process& child : parent.children) {
            if (settled_by(child)) return;
            if (any && !(options & (WUNTRACED | WCONTINUED))) return; // nothing is to be said of those that run
        }
    }
};

/// Takes what wait4 reports from an ended child, and the child out of the tree.
void collect(Search& search, Unlinked& gone) {
    Process &child = *search.child, &parent = search.parent;
    {
        Holding lock{child.signal_lock};
        search.found.use = child.ended_threads;
        search.found.use.add(child.waited_children);
    }
    if (search.options & WNOWAIT) return;
    {
        Holding lock{parent.signal_lock};
        parent.waited_children.add(search.found.use);
    }
    reap(child, gone);
}
} // namespace

Result<Waited> wait(Task& current, int id_type, Pid id, unsigned options) {
    Result<Waited> answer;
    TRY(wait_until(current.process().child_changed, [&] {
        Search search{current, id_type, id, options};
        Unlinked gone; // goes after the lock
        {
            Holding tree{tree_lock()};
            search.run();
            if (search.child && search.child->state == ProcessState::zombie) collect(search, gone);
        }
        answer = search.child ? search.found : search.any ? Result<Waited>{Waited{}} : err::child;
        return search.child || !search.any || options & WNOHANG;
    }));
    return answer;
}
} // namespace process
