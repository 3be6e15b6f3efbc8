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
            .minor_faults = task.minor_faults,
            .major_faults = task.major_faults,
            .voluntary = task.voluntary_switches(),
            .involuntary = task.involuntary_switches(),
            .bytes_read = task.transfers.bytes_read,
            .bytes_written = task.transfers.bytes_written,
            .reads = task.transfers.reads,
            .writes = task.transfers.writes};
}

ResourceUse thread_usage(Task& task) {
    ResourceUse use = thread_use(task);
    if (auto space = task.share(&Task::space)) use.peak_resident_pages = space->peak_resident();
    return use;
}

ResourceUse usage(Process& process) {
    ResourceUse sum;
    Holding lock{process.signal_lock};
    sum.add(process.ended_threads);
    for_each_thread(process, [&](Task& t) {
        if (!t.ended) sum.add(thread_use(t));
    });
    return sum;
}

ResourceUse children_usage(Process& process) {
    Holding lock{process.signal_lock};
    return process.waited_children;
}

CpuTime cpu_time_locked(Process& process) {
    CpuTime sum{process.ended_threads.user_ns, process.ended_threads.system_ns};
    for_each_thread(process, [&](Task& t) {
        if (t.ended) return;
        CpuTime time = t.cpu_time();
        sum.user_ns += time.user_ns;
        sum.system_ns += time.system_ns;
    });
    return sum;
}
CpuTime cpu_time(Process& process) {
    Holding lock{process.signal_lock};
    return cpu_time_locked(process);
}

Result<Ref<const Credentials>> credentials_of(Process& process) {
    TreeLock tree;
    if (!process.leader) return err::srch;
    return process.leader->credentials_ref();
}

bool beyond_process_limit(const Task& task) {
    const User& user = *task.user;
    return user.uid != 0 && user.tasks.load(std::memory_order_relaxed) > task.process().limits.soft(RLIMIT_NPROC);
}

MemoryLimits memory_limits(Process& process, const Credentials& who) {
    Limits& limits = process.limits;
    return {.address_space = limits.soft(RLIMIT_AS),
            .data = limits.soft(RLIMIT_DATA),
            .stack = limits.soft(RLIMIT_STACK),
            .locked = who.can(CAP_IPC_LOCK) ? ~u64{0} : limits.soft(RLIMIT_MEMLOCK)};
}

void memory_limits_changed(Process& process) {
    Ref<AddressSpace> space;
    Ref<const Credentials> who;
    {
        TreeLock tree;
        for (auto at = process.threads.begin(); !space && at != process.threads.end(); ++at)
            space = static_cast<Task&>(*at).share(&Task::space);
        if (process.leader) who = process.leader->credentials_ref();
    }
    if (space && who) space->set_limits(memory_limits(process, *who));
}
} // namespace process
