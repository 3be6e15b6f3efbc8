#include "kernel/process/tree.h"
#include <linux/capability.h>

void ResourceUse::add(const ResourceUse& more) {
    user_ns += more.user_ns;
    system_ns += more.system_ns;
    minor_faults += more.minor_faults;
    major_faults += more.major_faults;
    voluntary += more.voluntary;
    involuntary += more.involuntary;
    bytes_read += more.bytes_read;
    bytes_written += more.bytes_written;
    reads += more.reads;
    writes += more.writes;
    if (more.peak_resident_pages > peak_resident_pages) peak_resident_pages = more.peak_resident_pages;
}

namespace process {
ResourceUse thread_use(Task& task) {
    CpuTime time = task.cpu_time();
    return {.user_ns = time.user_ns,
            .system_ns = time.system_ns,
            .minor_faults = task.counters.minor_faults,
            .major_faults = task.counters.major_faults,
            .voluntary = task.voluntary_switches(),
            .involuntary = task.involuntary_switches(),
            .bytes_read = task.counters.transfers.bytes_read,
            .bytes_written = task.counters.transfers.bytes_written,
            .reads = task.counters.transfers.reads,
            .writes = task.counters.transfers.writes};
}

ResourceUse thread_usage(Task& task) {
    ResourceUse use = thread_use(task);
    if (auto space = task.share(&Task::space)) use.peak_resident_pages = space->peak_resident();
    return use;
}

ResourceUse usage(Process& process) {
    ResourceUse sum;
    auto lock = process.lock_signals();
    sum.add(process.accounting(lock).ended_threads);
    for_each_thread(process, lock, [&](Task& t) {
        if (!t.has_ended()) sum.add(thread_use(t));
    });
    return sum;
}

ResourceUse children_usage(Process& process) {
    auto lock = process.lock_signals();
    return process.accounting(lock).waited_children;
}

CpuTime cpu_time(Process& process, const SignalLock& held) {
    auto& ended = process.accounting(held).ended_threads;
    CpuTime sum{ended.user_ns, ended.system_ns};
    for_each_thread(process, held, [&](Task& t) {
        if (t.has_ended()) return;
        CpuTime time = t.cpu_time();
        sum.user_ns += time.user_ns;
        sum.system_ns += time.system_ns;
    });
    return sum;
}
CpuTime cpu_time(Process& process) {
    auto lock = process.lock_signals();
    return cpu_time(process, lock);
}

Ref<AddressSpace> space_of(Process& process, const TreeLock& tree) {
    for (const ThreadLink& link : process.threads(tree).list)
        if (auto space = task_of(link).share(&Task::space)) return space;
    return nullptr;
}

Result<Ref<const Credentials>> credentials_of(Process& process) {
    TreeLock tree;
    Task* leader = process.threads(tree).leader;
    if (!leader) return err::srch;
    return leader->credentials_ref();
}

bool beyond_process_limit(const Task& task) {
    const User& user = *task.user;
    return user.uid != Kuid{0} && user.tasks.load(std::memory_order_relaxed) > task.process().limits.soft(RLIMIT_NPROC);
}

MemoryLimits memory_limits(Process& process, const Credentials& who) {
    Limits& limits = process.limits;
    return {.address_space = limits.soft(RLIMIT_AS),
            .data = limits.soft(RLIMIT_DATA),
            .stack = limits.soft(RLIMIT_STACK),
            .locked = who.can_everywhere(CAP_IPC_LOCK) ? ~u64{0} : limits.soft(RLIMIT_MEMLOCK)};
}

void memory_limits_changed(Process& process) {
    Ref<AddressSpace> space;
    Ref<const Credentials> who;
    {
        TreeLock tree;
        space = space_of(process, tree);
        if (Task* leader = process.threads(tree).leader) who = leader->credentials_ref();
    }
    if (space && who) space->set_limits(memory_limits(process, *who));
}
} // namespace process
