// The CPU we run on: its per-CPU block, interrupts on and off, waiting.
#pragma once
#include "lib/types.h"
#include <atomic>

namespace arch {
inline constexpr unsigned max_cpus = 8;

/// Why a thread must not go back to user mode yet. Bits of ThreadHead::work.
enum Work : u32 {
    work_reschedule = 1, // another thread should run
    work_signal = 2,     // a signal is pending, or the thread must die
    work_memory = 4,     // the machine had no memory for it: room must be made
    work_timers = 8,     // a moment of a CPU clock has been reached: see CpuWatch
    work_reclaim = 16,   // memory has become short: who reclaims is to be woken
};

/// A system call of the current thread: its arguments from their registers, its result (encoded) for the user's.
/// The caller's registers are in user_frame(). One that replaces them calls leave_syscall() and returns their result().
using SyscallHandler = i64 (*)(u64, u64, u64, u64, u64, u64);
/// By number; the last one is called for all numbers beyond.
inline constexpr unsigned syscall_limit = 512;
using SyscallHandlers = SyscallHandler[syscall_limit + 1];

/// The part of a thread that assembly and ports know. ThreadBase (core/cpu) begins with it.
struct ThreadHead {
    uptr kernel_stack = 0;                     // top of its kernel stack: traps from user mode start here
    std::atomic<u32> work = 0;                 // looked at by the way out to user mode, with interrupts off
    const SyscallHandlers* syscalls = nullptr; // a user thread's: changed by itself, or before it runs
};

/// One per CPU, reached by a segment or a register: the first four members' offsets are known to assembly.
struct CpuLocal {
    CpuLocal* self;      // 0
    ThreadHead* current; // 8: the running thread
    uptr kernel_stack;   // 16: copy of current->kernel_stack
    uptr scratch[4];     // 24: for the first instructions of a trap
    unsigned id;         // 56: 0 .. cpu_count()-1; the boot CPU is 0
    u64 hardware_id;     // APIC id or hart id
    u64 port[8];         // the port's own
};

/// Number of CPUs that run (after start_cpus()), at most max_cpus.
unsigned cpu_count();
} // namespace arch

namespace upcall {
#if RUNDLET_CHECK && !RUNDLET_HOST
/// Check builds hear how long interrupts are off: after they were turned off, before they are turned on, by what
/// instruction or way out ever. Once more, or without the other, does no harm.
void irqs_went_off();
void irqs_go_on();
#else
inline void irqs_went_off() {}
inline void irqs_go_on() {}
#endif
} // namespace upcall

#include "port/cpu.h"
// port/cpu.h defines, all inline:
//   CpuLocal& arch::this_cpu();          only stable while the thread cannot move: interrupts off
//   unsigned  arch::cpu_id();            this_cpu().id in one instruction; as stable as that
//   ThreadHead* arch::current_thread();  this_cpu().current in one instruction
//   bool arch::irqs_enabled();
//   void arch::irqs_on(), irqs_off();
//   bool arch::irqs_save();              turns them off, returns whether they were on
//   void arch::irqs_restore(bool was_on);
//   void arch::pause();                  in a spin loop
//   void arch::wait_for_interrupt();     called with interrupts off: atomically turns them on and halts; returns with
//   them on
