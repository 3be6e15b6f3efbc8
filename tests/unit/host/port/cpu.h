// The inline part of arch/api/cpu.h for tests on the host: every thread is a CPU of its own, nearly; there are no
// interrupts.
#pragma once
#include <sched.h>

namespace arch {
inline std::atomic<unsigned> host_threads = 0;
inline thread_local CpuLocal host_cpu{.self = &host_cpu, .id = host_threads.fetch_add(1) % max_cpus};
inline CpuLocal& this_cpu() { return host_cpu; }
inline unsigned cpu_id() { return host_cpu.id; }
inline ThreadHead* current_thread() { return host_cpu.current; }
inline bool irqs_enabled() { return true; }
inline void irqs_on() {}
inline void irqs_off() {}
inline bool irqs_save() { return true; }
inline void irqs_restore(bool) {}
inline void pause() { sched_yield(); }
inline void wait_for_interrupt() { sched_yield(); }
} // namespace arch
