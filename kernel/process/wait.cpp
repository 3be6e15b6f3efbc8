#include "kernel/process/tree.h"
#include <linux/wait.h>

namespace process {
namespace {
bool selected(Process& child, Process& parent, int id_type, Pid id, unsigned options) {
    View& view = parent.view();
    switch (id_type) {
    case P_PID:
        if (child.pid(view) != id) return false;
        break;
    case P_PGID:
        if (!child.group || (id ? child.group->number_in(view) != id : child.group != parent.group)) return false;
        break;
    default: break;
    }
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
        if (!(options & WEXITED)) return found;
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
    found.pid = child.pid(parent.view());
    found.uid = uid_of(child);
    return found;
}
} // namespace

Result<Waited> wait(Task& current, int id_type, Pid id, unsigned options) {
    Process& parent = current.process();
    Sleeper self;
    Wait registered{parent.child_changed, self};
    for (;;) {
        bool any = false;
        Waited found;
        Reaped gone; // dropped after the lock
        {
            Holding tree{tree_lock()};
            for (Process& child : parent.children) {
                if (!selected(child, parent, id_type, id, options)) continue;
                any = true;
                found = look(child, parent, options);
                if (!found.pid) continue;
                if (child.state == ProcessState::zombie) {
                    {
                        Holding lock{child.signal_lock};
                        found.use = child.ended_threads;
                        found.use.add(child.waited_children);
                    }
                    if (!(options & WNOWAIT)) {
                        {
                            Holding lock{parent.signal_lock};
                            parent.waited_children.add(found.use);
                        }
                        gone = reap(child);
                    }
                }
                break;
            }
        }
        if (found.pid) return found;
        if (!any) return err::child;
        if (options & WNOHANG) return Waited{};
        TRY(self.sleep());
    }
}
} // namespace process
