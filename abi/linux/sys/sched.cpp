#include "abi/linux/sys/sched.h"
#include "core/cpu/cross_call.h"
#include "core/cpu/online.h"
#include "kernel/process/task.h"
#include "kernel/process/timers.h"
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/membarrier.h>
#include <linux/resource.h>
#include <linux/sched.h>

namespace linux_abi::sys {
namespace {
Result<Ref<Task>> target(Task& task, int pid) {
    if (pid < 0) return err::inval;
    return pid ? process::find_task(task.pids(), pid) : Result<Ref<Task>>{Ref<Task>::share(&task)};
}
Result<> may_change(Task& task, Task& other) {
    const Credentials& me = task.credentials();
    auto it = other.credentials_ref();
    bool may = me.euid == it->uid || me.euid == it->euid || me.can_in(it->users.get(), CAP_SYS_NICE);
    return may ? Result<>{} : err::perm;
}

/// What a user may not raise without CAP_SYS_NICE: sched(7).
Result<> allowed(Task& task, Task& other, const SchedParameters& wanted) {
    TRY(may_change(task, other));
    if (task.credentials().can_everywhere(CAP_SYS_NICE)) return {};
    SchedParameters now = other.parameters();
    const auto& limits = task.process().limits;
    bool raises = is_realtime(wanted.policy) && (wanted.policy != now.policy || wanted.priority > now.priority);
    if (raises && static_cast<u64>(wanted.priority) > limits.soft(RLIMIT_RTPRIO)) return err::perm;
    if (wanted.nice<now.nice&& static_cast<u64>(20 - wanted.nice)> limits.soft(RLIMIT_NICE)) return err::perm;
    return now.reset_on_fork && !wanted.reset_on_fork ? err::perm : Result<>{};
}

/// Checks the policy's number and the priority that goes with it.
Result<> set_policy(SchedParameters& to, u32 policy, int priority) {
    bool is_realtime = policy == SCHED_FIFO || policy == SCHED_RR;
    if (!is_realtime && policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE) return err::inval;
    if (is_realtime ? priority < 1 || priority > 99 : priority != 0) return err::inval;
    to.policy = static_cast<SchedPolicy>(policy);
    to.priority = priority;
    return {};
}

void apply(Task& other, const SchedParameters& wanted) {
    other.set_parameters(wanted);
    if (is_realtime(wanted.policy)) other.process().timers->limit_realtime();
}

/// `policy`: SCHED_* with SCHED_RESET_ON_FORK, or none: as it is.
Result<> set_scheduler(Task& task, int pid, std::optional<int> policy, UserPtr<const int> from) {
    if (!from) return err::inval;
    int priority = TRY(copy_in(from));
    auto other = TRY(target(task, pid));
    SchedParameters wanted = other->parameters();
    if (policy) wanted.reset_on_fork = *policy & SCHED_RESET_ON_FORK;
    int number = policy ? *policy & ~SCHED_RESET_ON_FORK : static_cast<int>(wanted.policy);
    TRY(set_policy(wanted, static_cast<u32>(number), priority));
    TRY(allowed(task, *other, wanted));
    apply(*other, wanted);
    return {};
}
} // namespace

Result<> sched_yield(Task&) { return sched::yield(), Result<>{}; }

Result<> sched_setaffinity(Task& task, int pid, usize size, UserPtr<const u64> from) {
    u64 mask = 0;
    TRY(arch::copy_in(&mask, from.address(), size < sizeof mask ? size : sizeof mask));
    if (pid < 0) return err::srch; // not err::inval, as the other calls here
    auto other = TRY(target(task, pid));
    TRY(may_change(task, *other));
    return other->set_affinity(mask);
}
Result<int> sched_getaffinity(Task& task, int pid, usize size, UserPtr<u64> to) {
    if (size < sizeof(u64) || size % sizeof(u64)) return err::inval;
    if (pid < 0) return err::srch;
    auto other = TRY(target(task, pid));
    TRY(copy_out(to, other->affinity() & online_cpus()));
    return static_cast<int>(sizeof(u64));
}
Result<> sched_setscheduler(Task& task, int pid, int policy, UserPtr<const int> priority) {
    if (policy < 0) return err::inval;
    return set_scheduler(task, pid, policy, priority);
}
Result<int> sched_getscheduler(Task& task, int pid) {
    SchedParameters now = TRY(target(task, pid))->parameters();
    return static_cast<int>(now.policy) | (now.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}
Result<> sched_setparam(Task& task, int pid, UserPtr<const int> priority) {
    return set_scheduler(task, pid, std::nullopt, priority);
}
Result<> sched_getparam(Task& task, int pid, UserPtr<int> priority) {
    if (!priority) return err::inval;
    return copy_out(priority, TRY(target(task, pid))->parameters().priority);
}
Result<> sched_setattr(Task& task, int pid, UserPtr<sched_attr> from, u32 flags) {
    if (!from || flags) return err::inval;
    u32 size = TRY(copy_in(from.as<const u32>()));
    auto read = copy_in_extensible<sched_attr>(from.as<const sched_attr>(), size ? size : SCHED_ATTR_SIZE_VER0,
                                               SCHED_ATTR_SIZE_VER0);
    if (!read) {
        bool unknown = read.error() == Errno::toobig || (size && size < SCHED_ATTR_SIZE_VER0);
        if (!unknown) return std::unexpected(read.error());
        TRY(copy_out(from.as<u32>(), u32{sizeof(sched_attr)})); // how much the kernel knows
        return err::toobig;
    }
    const sched_attr& wanted = *read;
    constexpr u64 known = SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS;
    if (wanted.sched_flags & ~known) return err::inval;
    auto other = TRY(target(task, pid));
    SchedParameters parameters = other->parameters();
    parameters.reset_on_fork = wanted.sched_flags & SCHED_FLAG_RESET_ON_FORK;
    bool keep = wanted.sched_flags & SCHED_FLAG_KEEP_PARAMS;
    u32 policy =
        wanted.sched_flags & SCHED_FLAG_KEEP_POLICY ? static_cast<u32>(parameters.policy) : wanted.sched_policy;
    if (policy > INT_MAX) return err::inval;
    TRY(set_policy(parameters, policy, keep ? parameters.priority : static_cast<int>(wanted.sched_priority)));
    if (!keep && !is_realtime(parameters.policy)) { parameters.nice = std::clamp(wanted.sched_nice, -20, 19); }
    TRY(allowed(task, *other, parameters));
    apply(*other, parameters);
    return {};
}
Result<> sched_getattr(Task& task, int pid, UserPtr<sched_attr> to, u32 size, u32 flags) {
    if (!to || flags || size < SCHED_ATTR_SIZE_VER0 || size > page_size) return err::inval;
    SchedParameters now = TRY(target(task, pid))->parameters();
    sched_attr attributes{};
    attributes.size = std::min<u32>(size, sizeof attributes);
    attributes.sched_policy = static_cast<u32>(now.policy);
    attributes.sched_flags = now.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
    attributes.sched_priority = static_cast<u32>(now.priority);
    if (!is_realtime(now.policy)) attributes.sched_nice = now.nice;
    if (size > sizeof attributes) TRY(arch::clear_user(to.address() + sizeof attributes, size - sizeof attributes));
    return arch::copy_out(to.address(), &attributes, attributes.size);
}
namespace {
/// Also of policies that cannot be had here, as on Linux.
bool has_one_priority(int policy) {
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE || policy == SCHED_DEADLINE;
}
} // namespace
Result<int> sched_get_priority_max(Task&, int policy) {
    if (policy == SCHED_FIFO || policy == SCHED_RR) return 99;
    return has_one_priority(policy) ? Result<int>{0} : err::inval;
}
Result<int> sched_get_priority_min(Task&, int policy) {
    if (policy == SCHED_FIFO || policy == SCHED_RR) return 1;
    return has_one_priority(policy) ? Result<int>{0} : err::inval;
}
Result<> sched_rr_get_interval(Task& task, int pid, UserPtr<Timespec> to) {
    auto other = TRY(target(task, pid));
    SchedPolicy policy = other->parameters().policy;
    u64 ns = policy == SchedPolicy::fifo          ? 0
             : policy == SchedPolicy::round_robin ? sched::round_robin_ns
                                                  : sched::slice_ns;
    return copy_out(to, to_timespec(static_cast<i64>(ns)));
}

namespace {
/// Calls f(Task&) for every thread that getpriority's arguments name; false: there was none.
template <class F>
Result<bool> for_each_named(Task& task, int which, int who, F f) {
    PidNamespace& pids = task.pids();
    if (which == PRIO_PROCESS) {
        auto other = target(task, who);
        if (other) f(**other);
        return other.has_value();
    }
    if (which != PRIO_PGRP && which != PRIO_USER) return err::inval;
    bool found = false;
    Pid group = who ? who : process::group_of(task.process(), pids);
    const Credentials& me = task.credentials();
    Kuid uid = who ? me.kuid(static_cast<u32>(who)).value_or(ids::no_user) : me.uid;
    for (Pid from = 1;;) {
        auto next = process::next(pids, from);
        if (!next) return found;
        Process& process = **next;
        from = process.pid(pids) + 1;
        if (which == PRIO_PGRP) {
            if (process::group_of(process, pids) != group) continue;
        } else {
            auto owner = process::credentials_of(process);
            if (!owner || (*owner)->uid != uid) continue;
        }
        for (Pid tid = 0;; found = true) {
            auto thread = process::thread_after(process, pids, tid);
            if (!thread) break;
            f(**thread);
            tid = (*thread)->tid(pids);
        }
    }
}
} // namespace

Result<int> getpriority(Task& task, int which, int who) {
    int best = 0; // 20 - nice: 1..40
    bool found = TRY(for_each_named(task, which, who, [&](Task& t) {
        int value = 20 - t.parameters().nice;
        if (value > best) best = value;
    }));
    return found ? Result<int>{best} : err::srch;
}
Result<> setpriority(Task& task, int which, int who, int nice) {
    nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
    Result<> problem;
    u64 floor = task.process().limits.soft(RLIMIT_NICE);
    bool privileged = task.credentials().can_everywhere(CAP_SYS_NICE);
    bool found = TRY(for_each_named(task, which, who, [&](Task& t) {
        SchedParameters now = t.parameters();
        if (!may_change(task, t)) return void(problem = err::perm);
        if (nice < now.nice && !privileged && static_cast<u64>(20 - nice) > floor) return void(problem = err::acces);
        now.nice = nice;
        t.set_parameters(now);
    }));
    return found ? problem : err::srch;
}

namespace {
// A class in the bits from 13 on, and a level below it: <linux/ioprio.h>.
constexpr int io_class(int priority) { return IOPRIO_PRIO_CLASS(priority); }

/// err::perm, err::inval: ioprio_set(2).
Result<> check_io_priority(Task& task, int priority) {
    switch (io_class(priority)) {
    case IOPRIO_CLASS_RT: {
        const Credentials& me = task.credentials();
        return me.can_everywhere(CAP_SYS_ADMIN) || me.can_everywhere(CAP_SYS_NICE) ? Result<>{} : err::perm;
    }
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE: return {};
    case IOPRIO_CLASS_NONE: return IOPRIO_PRIO_DATA(priority) ? Result<>{err::inval} : Result<>{};
    default: return err::inval;
    }
}
/// What the task's priority comes to: without one of its own it follows from how it is scheduled.
int effective_io_priority(Task& task) {
    int own = task.io_priority;
    if (io_class(own) != IOPRIO_CLASS_NONE) return own;
    SchedParameters now = task.parameters();
    int kind = now.policy == SchedPolicy::idle ? IOPRIO_CLASS_IDLE
               : is_realtime(now.policy)       ? IOPRIO_CLASS_RT
                                               : IOPRIO_CLASS_BE;
    return IOPRIO_PRIO_VALUE(kind, (now.nice + 20) / 5);
}
/// ioprio_get(2)'s IOPRIO_WHO_* as getpriority(2)'s PRIO_*; -1: neither.
int who_of(int which) {
    return which == IOPRIO_WHO_PROCESS ? PRIO_PROCESS
           : which == IOPRIO_WHO_PGRP  ? PRIO_PGRP
           : which == IOPRIO_WHO_USER  ? PRIO_USER
                                       : -1;
}
} // namespace

Result<int> ioprio_get(Task& task, int which, int who) {
    int best = INT_MAX;
    bool found = TRY(for_each_named(task, who_of(which), who, [&](Task& t) {
        best = std::min(best, which == IOPRIO_WHO_PROCESS ? t.io_priority.load() : effective_io_priority(t));
    }));
    return found ? Result<int>{best} : err::srch;
}
Result<> ioprio_set(Task& task, int which, int who, int priority) {
    TRY(check_io_priority(task, priority));
    Result<> problem;
    bool found = TRY(for_each_named(task, who_of(which), who, [&](Task& t) {
        Kuid owner = t.credentials_ref()->uid;
        const Credentials& me = task.credentials();
        if (owner != me.euid && owner != me.uid && !me.can_everywhere(CAP_SYS_NICE)) return void(problem = err::perm);
        t.io_priority = static_cast<u16>(priority);
    }));
    return found ? problem : err::srch;
}

Result<> getcpu(Task&, UserPtr<u32> cpu, UserPtr<u32> node, uptr) {
    if (cpu) TRY(copy_out(cpu, arch::cpu_id()));
    if (node) TRY(copy_out(node, 0u));
    return {};
}

Result<int> membarrier(Task& task, int command, u32 flags, int) {
    constexpr int registrations = MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
                                  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
    constexpr int actions = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                            MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
    if (flags) return err::inval;
    if (command == MEMBARRIER_CMD_QUERY) return registrations | actions;
    std::atomic<u32>& registered = task.process().membarriers;
    if (command & registrations && std::has_single_bit(static_cast<u32>(command))) {
        registered.fetch_or(static_cast<u32>(command));
        return 0;
    }
    if (!(command & actions) || !std::has_single_bit(static_cast<u32>(command))) return err::inval;
    bool private_plain = command == MEMBARRIER_CMD_PRIVATE_EXPEDITED;
    bool private_core = command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
    if (private_plain && !(registered & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) return err::perm;
    if (private_core && !(registered & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)) return err::perm;
    u64 cpus = private_plain || private_core ? task.space->active_cpus.load() : online_cpus();
    if (private_core) arch::sync_instructions();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    call_on(
        cpus, [](void*) { std::atomic_thread_fence(std::memory_order_seq_cst); }, nullptr); // the way out serialises
    return 0;
}
} // namespace linux_abi::sys
