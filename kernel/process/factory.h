// How tasks and processes come to be: the steps that clone and the first process of a view share.
#pragma once
#include "kernel/process/tree.h"

/// A task being made. Until commit it is nobody's: dropped, it leaves nothing behind.
struct ProcessFactory {
    /// A task with a stack that will begin in user mode, counted in the view. err::again: the view's limit of tasks.
    static Result<Ref<Task>> make_task(View&);
    static Result<Ref<Process>> make_process(View&);
    /// Gives the task its process and number; as the leader of a fresh process when `leader`.
    static void attach(Task&, Ref<Process>, PidNumber*, bool leader);
    /// Links a task into its process, as its leader when `leads`. The link keeps the task alive.
    static void link_thread(Task&, bool leads, const process::TreeLock&, const SignalLock&);
    /// `to` becomes the leader, with the number of `from`, which was it (exec by another thread).
    static void take_over(Task& from, Task& to, const process::TreeLock&, const SignalLock&);
    static void set_blocked(Task& task, SignalSet blocked) { task.signals_.blocked = blocked; }
    static void set_credentials(Task& task, Ref<const Credentials> who) { task.credentials_ = std::move(who); }
};
