// Numbers of tasks, processes, groups and sessions. A number belongs to one view and is also known to the root view;
// it stays taken while any of its four uses lasts.
#pragma once
#include "kernel/views/view.h"

struct ProcessGroup;
struct Session;

/// A number in use. Everything but the constant part is under Rank::tasks.
struct PidNumber : TreeLink<struct PidOwnTag>, TreeLink<struct PidRootTag> {
    PidNumber(View& of) : view{of} {}
    View& view;
    Pid own = 0;  // in `view`
    Pid root = 0; // in the root view
    Task* task = nullptr;
    Process* process = nullptr; // whose leader's number this is
    ProcessGroup* group = nullptr;
    Session* session = nullptr;

    /// As seen from a view: 0 when the view cannot see it.
    Pid in(const View& from) const;
    bool used() const { return task || process || group || session; }
};

/// The numbers of one view, in order.
class PidTable {
public:
    PidNumber* find(Pid);
    /// The first at or after `from`; null at the end.
    PidNumber* at_or_after(Pid from);
    bool empty() const { return numbers_.empty(); }
    /// The number given last.
    Pid last() const { return last_; }

private:
    friend struct PidTableOps;
    struct ByOwn {
        using type = Pid;
        Pid operator()(const PidNumber& n) const { return n.own; }
    };
    bi::set<PidNumber, bi::base_hook<TreeLink<struct PidOwnTag>>, bi::key_of_value<ByOwn>,
            bi::constant_time_size<false>>
        numbers_;
    Pid last_ = 0;
};

namespace pids {
/// A fresh number in `view` and the root view, not yet used by anybody: give it a use under the tree lock, or release()
/// it. `wanted` 0: the next free one. Takes the tree lock. err::again: none left; err::exist: `wanted` is taken.
Result<PidNumber*> allocate(View& view, Pid wanted = 0);
/// Frees the number if nothing uses it. The tree lock is held.
void release(PidNumber*);
/// Lookups; the tree lock is held. Null: none.
PidNumber* find(View& in, Pid);
PidNumber* at_or_after(View& in, Pid from);
} // namespace pids
