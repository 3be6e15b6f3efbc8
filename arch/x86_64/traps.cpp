// From the stubs of entry.S to the upcalls.
#include "arch/api/irq.h"
#include "arch/common/frame_walk.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/port_internal.h"
#include "lib/format.h"
#include <asm/siginfo.h>
#include <asm/signal.h>

namespace {
using arch::TrapFrame;

enum Vector : u64 {
    divide_error = 0,
    debug = 1,
    nmi = 2,
    breakpoint = 3,
    invalid_opcode = 6,
    double_fault = 8,
    segment_not_present = 11,
    stack_fault = 12,
    general_protection = 13,
    page_fault = 14,
    x87_error = 16,
    alignment_check = 17,
    machine_check = 18,
    simd_error = 19,
};
constexpr std::string_view names[] = {
    "division error",
    "debug exception",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault (kernel stack overflow?)",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack segment fault",
    "general protection fault",
    "page fault",
    "reserved",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
};

enum PageFaultBits : u64 { fault_present = 1, fault_write = 2, fault_fetch = 16 };

arch::PageFlags access_of(u64 error) {
    return error & fault_write ? arch::page_write : error & fault_fetch ? arch::page_execute : arch::page_read;
}

[[noreturn]] void die(TrapFrame& frame) {
    std::string_view name = frame.trap_number < std::size(names) ? names[frame.trap_number] : "exception";
    if (frame.trap_number == page_fault && frame.error_code & fault_fetch) name = "jump to memory that is not code";
    upcall::fatal(frame, name, frame.trap_number == page_fault ? frame.fault_address : frame.ip());
}

void kernel_exception(TrapFrame& frame) {
    uptr fixup = arch::find_fixup({fixups_start, fixups_end}, frame.ip());
    if (!fixup) die(frame);
    if (frame.trap_number == page_fault) {
        if (frame.fault_address >= arch::user_top) die(frame);
        if (frame.rflags & x86::flag_interrupt) {
            arch::irqs_on();
            bool resolved = upcall::copy_fault(frame.fault_address, access_of(frame.error_code));
            arch::irqs_off();
            upcall::irqs_go_on(); // by iretq
            if (resolved) return;
        }
    } else if (frame.trap_number != general_protection && frame.trap_number != invalid_opcode) {
        die(frame);
    }
    frame.set_ip(fixup);
}

/// si_code of the first unmasked exception in an x87 status word or MXCSR, whose six flag bits agree.
int float_code(u32 status, u32 masked) {
    u32 e = status & ~masked & 0x3f;
    if (e & 1) return FPE_FLTINV;
    if (e & 4) return FPE_FLTDIV;
    if (e & 8) return FPE_FLTOVF;
    if (e & 2 || e & 16) return FPE_FLTUND;
    if (e & 32) return FPE_FLTRES;
    return FPE_FLTINV;
}

upcall::Exception user_exception_for(TrapFrame& frame) {
    int trap = static_cast<int>(frame.trap_number);
    switch (frame.trap_number) {
    case divide_error: return {SIGFPE, FPE_INTDIV, frame.ip(), trap};
    case debug: asm volatile("mov %0, %%db6" ::"r"(u64{0xffff0ff0})); return {SIGTRAP, TRAP_TRACE, frame.ip(), trap};
    case breakpoint: return {SIGTRAP, SI_KERNEL, 0, trap};
    case invalid_opcode: return {SIGILL, ILL_ILLOPN, frame.ip(), trap};
    case segment_not_present:
    case stack_fault: return {SIGBUS, SI_KERNEL, 0, trap};
    case x87_error: {
        u16 status, control;
        asm volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
        return {SIGFPE, float_code(status, control), frame.ip(), trap};
    }
    case simd_error: {
        u32 mxcsr;
        asm volatile("stmxcsr %0" : "=m"(mxcsr));
        return {SIGFPE, float_code(mxcsr, mxcsr >> 7), frame.ip(), trap};
    }
    case alignment_check: return {SIGBUS, BUS_ADRALN, 0, trap};
    default: return {SIGSEGV, SI_KERNEL, 0, trap};
    }
}
} // namespace

extern "C" void handle_exception(TrapFrame* frame) {
    if (!frame->from_user()) return kernel_exception(*frame);
    if (frame->trap_number == page_fault) {
        // As on Linux a handler does not learn which of the kernel's addresses are mapped.
        if (frame->fault_address >= arch::user_top) frame->error_code |= fault_present;
        arch::irqs_on();
        return upcall::user_fault(*frame, frame->fault_address, access_of(frame->error_code));
    }
    auto exception = user_exception_for(*frame);
    arch::irqs_on();
    upcall::user_exception(*frame, exception);
}

extern "C" void handle_paranoid(TrapFrame* frame) {
    if (frame->trap_number != nmi) die(*frame);
    if (x86::stopping()) x86::halt();
    arch::console_write("Unexpected NMI ignored.\n");
}

extern "C" void handle_interrupt(u64 vector, TrapFrame* frame) {
    upcall::irqs_went_off();
    switch (vector) {
    case VECTOR_TIMER:
        x86::acknowledge_interrupt();
        x86::timer_interrupt(frame->from_user());
        break;
    case VECTOR_IPI:
        x86::acknowledge_interrupt();
        upcall::ipi();
        break;
    default:
        if (vector >= VECTOR_MESSAGE) {
            upcall::interrupt(x86::message_line(arch::cpu_id(), static_cast<unsigned>(vector - VECTOR_MESSAGE)));
            x86::acknowledge_interrupt();
            break;
        }
        // A level-triggered line stays quiet until the end of interrupt: the device is served first.
        upcall::interrupt(static_cast<unsigned>(vector - VECTOR_DEVICE));
        x86::acknowledge_interrupt();
    }
    if (!frame->from_user()) upcall::preempt_kernel();
    upcall::irqs_go_on();
}

extern "C" void work_before_user(TrapFrame* frame) { upcall::return_to_user(*frame); }

namespace arch {
void TrapFrame::print(Writer& out) const {
    arch::PhysAddr root = x86::read_cr3();
    ::print(out, "rip {:016x}  cs {:02x}  rflags {:08x}  cr2 {:016x}  cr3 {:x}  trap {} error {:x}\n", rip, cs, rflags,
            fault_address, root, trap_number, error_code);
    ::print(out, "rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n", rax, rbx, rcx, rdx);
    ::print(out, "rsi {:016x}  rdi {:016x}  rbp {:016x}  rsp {:016x}\n", rsi, rdi, rbp, rsp);
    ::print(out, "r8  {:016x}  r9  {:016x}  r10 {:016x}  r11 {:016x}\n", r8, r9, r10, r11);
    ::print(out, "r12 {:016x}  r13 {:016x}  r14 {:016x}  r15 {:016x}\n", r12, r13, r14, r15);
}

usize backtrace(std::span<uptr> to, uptr frame_pointer) {
    uptr at = frame_pointer ? frame_pointer : reinterpret_cast<uptr>(__builtin_frame_address(0));
    auto read = [](uptr frame) -> std::optional<SavedFrame> {
        if (frame < direct_map) return {};
        auto* words = reinterpret_cast<const uptr*>(frame);
        return SavedFrame{.return_address = words[1], .caller = words[0]};
    };
    return walk_frames(to, at, read, [](uptr address) {
        return address >= reinterpret_cast<uptr>(text_start) && address < reinterpret_cast<uptr>(text_end);
    });
}
} // namespace arch
