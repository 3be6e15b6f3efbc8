// What trap.S calls: exceptions and interrupts, sorted into upcalls.
#include "arch/api/clock.h"
#include "arch/api/irq.h"
#include "arch/api/upcalls.h"
#include "arch/riscv64/internal.h"
#include "arch/riscv64/offsets.h"
#include "lib/format.h"
#include <asm/siginfo.h>
#include <asm/signal.h>

using namespace arch;

static_assert(offsetof(CpuLocal, current) == CPU_CURRENT && offsetof(CpuLocal, kernel_stack) == CPU_KERNEL_STACK);
static_assert(offsetof(CpuLocal, scratch) == CPU_SCRATCH0 && offsetof(CpuLocal, scratch[3]) == CPU_ENTERING);
static_assert(offsetof(CpuLocal, port[riscv::slot_emergency]) == CPU_EMERGENCY && offsetof(CpuLocal, id) == 56);
static_assert(offsetof(CpuLocal, hardware_id) == CPU_HARDWARE_ID && sizeof(CpuLocal) == CPU_SIZE &&
              max_cpus == MAX_CPUS);
static_assert(offsetof(ThreadHead, kernel_stack) == THREAD_KERNEL_STACK && offsetof(ThreadHead, work) == THREAD_WORK);
static_assert(offsetof(ThreadHead, syscalls) == THREAD_SYSCALLS && syscall_limit == SYSCALL_LIMIT);
static_assert(offsetof(TrapFrame, status) == FRAME_STATUS && offsetof(TrapFrame, cause) == FRAME_CAUSE);
static_assert(offsetof(TrapFrame, bad_address) == FRAME_BAD_ADDRESS && sizeof(TrapFrame) == FRAME_SIZE);
static_assert(offsetof(TrapFrame, original_a0) == FRAME_ORIGINAL_A0 && offsetof(TrapFrame, regs) == FRAME_PC);

namespace {
enum Cause : u64 {
    fetch_misaligned = 0,
    fetch_access = 1,
    illegal_instruction = 2,
    breakpoint = 3,
    load_misaligned = 4,
    load_access = 5,
    store_misaligned = 6,
    store_access = 7,
    fetch_page_fault = 12,
    load_page_fault = 13,
    store_page_fault = 15,
    interrupt_bit = u64{1} << 63,
    software_interrupt = interrupt_bit | 1,
    timer_interrupt = interrupt_bit | 5,
    external_interrupt = interrupt_bit | 9,
};

bool recover(TrapFrame& f) {
    uptr to = find_fixup({fixups_start, fixups_end}, f.ip());
    if (to) f.set_ip(to);
    return to;
}

bool is_page_fault(u64 cause) {
    return cause == fetch_page_fault || cause == load_page_fault || cause == store_page_fault;
}

PageFlags access_of(u64 cause) {
    return cause == fetch_page_fault ? page_execute : cause == load_page_fault ? page_read : page_write;
}

void serve_interrupt(u64 cause, bool from_user) {
    constexpr uptr software = 1 << 1, timer = 1 << 5;
    switch (cause) {
    case timer_interrupt: // stays pending until set_timer(): mask it
        asm volatile("csrc sie, %0" ::"r"(timer));
        return upcall::timer(from_user);
    case software_interrupt:
        // Nothing is looked at before the interrupt is taken back: else one sent in between would be lost.
        asm volatile("csrc sip, %0\n fence" ::"r"(software) : "memory");
        if (riscv::stopping()) riscv::halt();
        riscv::refresh_instructions();
        return upcall::ipi();
    case external_interrupt: return riscv::serve_plic();
    default: return; // not enabled: cannot come
    }
}

void handle_interrupt(u64 cause, bool from_user) {
    upcall::irqs_went_off();
    serve_interrupt(cause, from_user);
    if (!from_user) upcall::preempt_kernel();
    upcall::irqs_go_on();
}

/// The FPU is off until a thread uses it: every thread's first such instruction comes here.
bool turn_on_fpu(TrapFrame& f) {
    if (!riscv::platform.fpu || f.status & sstatus_fs) return false;
    auto* state = reinterpret_cast<UserState*>(this_cpu().port[riscv::slot_user_state]);
    if (!state) return false;
    state->used = true;
    reload_user_state(*state);
    return true;
}

upcall::Exception exception(const TrapFrame& f) {
    auto make = [&](int signal, int code, uptr address) { return upcall::Exception{signal, code, address, 0}; };
    switch (f.cause) {
    case illegal_instruction: return make(SIGILL, ILL_ILLOPC, f.ip());
    case breakpoint: return make(SIGTRAP, TRAP_BRKPT, f.ip());
    case fetch_misaligned:
    case load_misaligned:
    case store_misaligned: return make(SIGBUS, BUS_ADRALN, f.bad_address);
    default: return make(SIGSEGV, SEGV_ACCERR, f.bad_address); // access faults: physical memory that is not there
    }
}

std::string_view name(u64 cause) {
    switch (cause) {
    case fetch_misaligned: return "misaligned instruction";
    case fetch_access: return "access fault on instruction fetch";
    case illegal_instruction: return "illegal instruction";
    case breakpoint: return "breakpoint";
    case load_misaligned: return "misaligned load";
    case load_access: return "access fault on load";
    case store_misaligned: return "misaligned store";
    case store_access: return "access fault on store";
    case fetch_page_fault: return "page fault on instruction fetch";
    case load_page_fault: return "page fault on load";
    case store_page_fault: return "page fault on store";
    default: return "unknown exception";
    }
}
} // namespace

extern "C" {
/// All traps from user mode but system calls. Interrupts are off, here and on return.
void trap_from_user(TrapFrame& f) {
    if (f.cause & interrupt_bit) return handle_interrupt(f.cause, true);
    if (f.cause == illegal_instruction && turn_on_fpu(f)) return;
    irqs_on();
    if (is_page_fault(f.cause))
        upcall::user_fault(f, f.bad_address, access_of(f.cause));
    else
        upcall::user_exception(f, exception(f));
}

void trap_from_kernel(TrapFrame& f) {
    if (f.cause & interrupt_bit) return handle_interrupt(f.cause, false);
    if (is_page_fault(f.cause) && f.bad_address < user_top && f.status & sstatus_sum && f.status & sstatus_spie) {
        irqs_on();
        bool resolved = upcall::copy_fault(f.bad_address, access_of(f.cause));
        irqs_off();
        upcall::irqs_go_on(); // by sret
        if (resolved) return;
    }
    if (is_page_fault(f.cause) && riscv::forget_absence(f.bad_address, access_of(f.cause))) return;
    if (!recover(f)) upcall::fatal(f, name(f.cause), f.bad_address);
}

[[noreturn]] void stack_overflow(TrapFrame& f) { upcall::fatal(f, "kernel stack overflow", f.bad_address); }
}

namespace arch {
void TrapFrame::print(Writer& out) const {
    static constexpr const char* names[] = {"pc", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                            "a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                            "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    for (unsigned i = 0; i < 32; i++) ::print(out, "{:>3} {:016x}{}", names[i], regs[i], i % 4 == 3 ? "\n" : " ");
    ::print(out, "status {:x} cause {:x} address {:x}\n", status, cause, bad_address);
}
} // namespace arch
