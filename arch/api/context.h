// Kernel stacks, switching between threads, and the user state that is not in the trap frame.
#pragma once
#include "arch/api/cpu.h"
#include "arch/api/frame.h"
#include "lib/result.h"
#include "port/user_state.h"
// port/user_state.h defines arch::UserState: FPU/vector registers (buffer inside or owned), thread pointer.
// Default-made it is the state of a fresh image. It has Result<> copy_from(const UserState&) for fork.

namespace arch {
/// Save callee-saved registers on this stack, store its pointer in *from, continue on `to`. Interrupts are off.
extern "C" void switch_stacks(uptr* from, uptr to);

/// A stack on which the first switch_stacks() calls entry(argument) with interrupts off. Returns the stack pointer.
uptr prepare_stack(uptr stack_top, void (*entry)(void*), void* argument);

/// The trap frame at the top of a user thread's kernel stack.
inline TrapFrame& user_frame(const ThreadHead& thread) { return reinterpret_cast<TrapFrame*>(thread.kernel_stack)[-1]; }

/// Leave for user mode with the current thread's user_frame(), by the common way out (upcall::return_to_user()
/// included).
[[noreturn]] void enter_user();

/// Around a switch, interrupts off: put the CPU's user state into `state`, or load it. Kernel threads have none.
/// save_user_state() while the thread is still the current one, load_user_state() once it is (after set_current()).
void save_user_state(UserState& state);
void load_user_state(const UserState& state);
/// Make the CPU's live registers and `state` (the current thread's) agree, before reading or after changing `state`.
void sync_user_state(UserState& state);
void reload_user_state(const UserState& state);

/// The thread pointer of a user thread (x86-64: FS base; riscv64: tp). For CLONE_SETTLS and arch_prctl. err::perm: the
/// processor takes only addresses of user space (x86-64), and it is none.
Result<> set_thread_pointer(TrapFrame&, UserState&, uptr);
uptr thread_pointer(const TrapFrame&, const UserState&);

/// arch_prctl(2) for the current thread; err::inval where a processor has no such call.
Result<i64> machine_control(TrapFrame&, UserState&, int code, uptr address);

/// `current` is set and kernel_stack copied where the hardware finds it (x86-64: TSS and CpuLocal). Interrupts off.
void set_current(ThreadHead&);
} // namespace arch
