// What a port calls. Implemented in core/ and kernel/; the port never looks behind these names.
#pragma once
#include "arch/api/frame.h"
#include "arch/api/machine.h"

/// After the port has set up paging, the direct map, traps and the boot CPU's CpuLocal. Interrupts are off.
[[noreturn]] void kernel_main();

namespace upcall {
/// A processor exception in user mode, in terms of the signal it becomes.
struct Exception {
    int signal;   // SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS
    int code;     // si_code
    uptr address; // si_addr
    int trap;     // x86-64: trap number, for the ucontext
};
/// Both run with interrupts on, as ThreadHead::syscalls do, on the thread's kernel stack; the way out follows when they
/// return.
void user_fault(arch::TrapFrame&, uptr address, arch::PageFlags access);
void user_exception(arch::TrapFrame&, const Exception&);
/// A fault on a user address in kernel mode, inside a user copy. True: mapped now, go on; false: use the exception
/// table.
bool copy_fault(uptr address, arch::PageFlags access);

/// Interrupts are off; the port has acknowledged or will when this returns.
void interrupt(unsigned line);
/// `from_user`: the interrupt came out of user mode (for the accounting of CPU time).
void timer(bool from_user);
void ipi();
/// The last thing of an interrupt that came out of kernel mode: another thread may run before this one goes on. Called
/// with interrupts off, returns with them off, perhaps on another CPU.
void preempt_kernel();

/// Last thing before user mode when ThreadHead::work is not 0. Called with interrupts off, returns with them off;
/// called again until work is 0.
void return_to_user(arch::TrapFrame&);

[[noreturn]] void secondary_cpu();
/// A fault or exception in the kernel itself.
[[noreturn]] void fatal(arch::TrapFrame&, std::string_view what, uptr address);
} // namespace upcall
