// Which CPUs run threads.
#pragma once
#include "lib/types.h"
#include <atomic>

namespace cpu_detail {
inline constinit std::atomic<u64> online = 0;
} // namespace cpu_detail

/// One bit per CPU whose scheduler is at work.
inline u64 online_cpus() { return cpu_detail::online.load(std::memory_order_acquire); }
/// By the scheduler, once per CPU.
inline void set_online(unsigned cpu) { cpu_detail::online.fetch_or(u64{1} << cpu, std::memory_order_release); }
