#include "kernel/process/tree.h"

void ResourceUse::add(const ResourceUse& more) {
    user_ns += more.user_ns;
    system_ns += more.system_ns;
    minor_faults += more.minor_faults;
    major_faults += more.major_faults;
    voluntary += more.voluntary;
    involuntary += more.involuntary;
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
            .involuntary = task.involuntary_switches()};
}

ResourceUse usage(Process& process) {
    Ref<AddressSpace> space;
    {
        Holding tree{tree_lock()};
        if (process.leader) {
            Holding shares{process.leader->shares_lock};
            space = process.leader->space;
        }
    }
    ResourceUse sum;
    if (space) sum.peak_resident_pages = space->usage().peak_resident;
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
} // namespace process
