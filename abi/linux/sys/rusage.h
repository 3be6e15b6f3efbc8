// Resource use as getrusage and wait4 show it.
#pragma once
#include "abi/linux/sys/timespec.h"
#include "kernel/process/process.h"
#include <linux/resource.h>

namespace linux_abi {
inline rusage to_rusage(const ResourceUse& use) {
    rusage r{};
    auto user = to_timeval(use.user_ns), system = to_timeval(use.system_ns);
    r.ru_utime.tv_sec = user.tv_sec, r.ru_utime.tv_usec = user.tv_usec;
    r.ru_stime.tv_sec = system.tv_sec, r.ru_stime.tv_usec = system.tv_usec;
    r.ru_maxrss = static_cast<long>(use.peak_resident_pages * (page_size / KiB));
    r.ru_minflt = static_cast<long>(use.minor_faults);
    r.ru_majflt = static_cast<long>(use.major_faults);
    r.ru_nvcsw = static_cast<long>(use.voluntary);
    r.ru_nivcsw = static_cast<long>(use.involuntary);
    return r;
}
} // namespace linux_abi
