// Each CPU's descriptor tables and control registers.
#include "arch/api/context.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/port_internal.h"
#include "arch/x86_64/sites.h"
#include <cstddef>
#include <cstring>

extern "C" char smap_sites_start[], smap_sites_end[];

namespace x86 {
Features features;
arch::CpuLocal cpus[arch::max_cpus];

namespace {
using arch::CpuLocal, arch::TrapFrame, arch::ThreadHead;
static_assert(offsetof(TrapFrame, fault_address) == FRAME_FAULT_ADDRESS &&
              offsetof(TrapFrame, trap_number) == FRAME_TRAP_NUMBER);
static_assert(offsetof(TrapFrame, error_code) == FRAME_ERROR_CODE && offsetof(TrapFrame, rbp) == FRAME_RBP);
static_assert(offsetof(TrapFrame, r10) == FRAME_R10 && offsetof(TrapFrame, r9) == FRAME_R9);
static_assert(offsetof(TrapFrame, r8) == FRAME_R8 && offsetof(TrapFrame, rax) == FRAME_RAX);
static_assert(offsetof(TrapFrame, rdx) == FRAME_RDX && offsetof(TrapFrame, rsi) == FRAME_RSI);
static_assert(offsetof(TrapFrame, rdi) == FRAME_RDI && offsetof(TrapFrame, original_rax) == FRAME_ORIGINAL_RAX);
static_assert(offsetof(TrapFrame, rip) == FRAME_RIP && offsetof(TrapFrame, cs) == FRAME_CS &&
              offsetof(TrapFrame, rsp) == FRAME_RSP);
static_assert(offsetof(TrapFrame, rflags) == FRAME_RFLAGS && sizeof(TrapFrame) == FRAME_SIZE);
static_assert(offsetof(CpuLocal, current) == CPU_CURRENT && offsetof(CpuLocal, kernel_stack) == CPU_KERNEL_STACK);
static_assert(offsetof(CpuLocal, scratch) == CPU_SCRATCH && offsetof(CpuLocal, id) == 56);
static_assert(offsetof(ThreadHead, kernel_stack) == HEAD_KERNEL_STACK && offsetof(ThreadHead, work) == HEAD_WORK);
static_assert(offsetof(ThreadHead, syscalls) == HEAD_SYSCALLS && arch::syscall_limit == SYSCALL_LIMIT);

struct [[gnu::packed]] TaskState {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 interrupt_stack[7];
    u64 reserved2;
    u16 reserved3, io_map;
};
static_assert(sizeof(TaskState) == 104);

struct [[gnu::packed]] TablePointer {
    u16 limit;
    const void* address;
};
struct Gate {
    u64 low, high;
};

struct alignas(64) Descriptors {
    u64 gdt[CPU_NUMBER_SEGMENT / 8 + 1];
    TaskState task;
};
Descriptors descriptors[arch::max_cpus];
alignas(16) Gate gates[256];
ThreadHead boot_threads[arch::max_cpus]; // what a CPU is before the scheduler gives it a thread

void set_gate(unsigned vector, const void* to, unsigned stack, bool user = false) {
    u64 a = reinterpret_cast<u64>(to);
    u64 type = user ? 0xee : 0x8e; // present interrupt gate
    gates[vector] = {(a & 0xffff) | u64{KERNEL_CODE} << 16 | u64{stack} << 32 | type << 40 | (a >> 16 & 0xffff) << 48,
                     a >> 32};
}

void fill_gates() {
    for (unsigned v = 0; v < 32; v++) {
        unsigned stack = v == 8 ? 1 : v == 2 ? 2 : v == 18 ? 3 : 0;
        set_gate(v, exception_stubs + v * 16, stack, v == 3 || v == 4);
    }
    for (unsigned i = 0; i < DEVICE_VECTORS; i++) set_gate(VECTOR_DEVICE + i, device_stubs + i * 16, 0);
    for (unsigned i = 0; i < MESSAGE_VECTORS; i++) set_gate(VECTOR_MESSAGE + i, message_stubs + i * 16, 0);
    set_gate(VECTOR_TIMER, timer_stub, 0);
    set_gate(VECTOR_IPI, ipi_stub, 0);
    set_gate(VECTOR_SPURIOUS, spurious_stub, 0);
    set_gate(VECTOR_SYSCALL, int80_entry, 0, true);
}

/// stac and clac fault on CPUs without SMAP, so they are nops until here. Before the text is write-protected.
void patch_smap_sites() {
    struct Site {
        i32 at;
        u8 code[4];
    };
    for (char* p = smap_sites_start; p < smap_sites_end; p += sizeof(Site)) {
        const auto& site = *reinterpret_cast<const Site*>(p);
        std::memcpy(p + site.at, site.code, 3);
    }
    (void)cpuid(0); // a serialising instruction: what was fetched before is forgotten
}

/// A kernel under a nested hypervisor once ended at clac, though CPUID promised SMAP: entries would fault for ever.
bool clac_works() {
    bool bad = true;
    asm volatile("1: .byte 0x0f, 0x01, 0xca\n xor %k[bad], %k[bad]\n 2:" FIXUP(1b, 2b) : [bad] "+r"(bad));
    return !bad;
}

/// Of an MSR that a hypervisor may not have.
void set_msr_bit(u32 msr, unsigned bit) {
    asm volatile("1: rdmsr\n or %[mask], %%eax\n 2: wrmsr\n 3:" FIXUP(1b, 3b) FIXUP(2b, 3b)
                 :
                 : "c"(msr), [mask] "r"(1u << bit)
                 : "eax", "edx", "memory", "cc");
}

/// Each CPU's: what firmware or a reset may have left otherwise.
void init_optional_registers() {
    asm volatile("mov %0, %%dr7" ::"r"(u64{0x400}));         // no breakpoint: none may hit on the way into the kernel
    if (features.pat) wrmsr(msr_pat, 0x0007'0406'0007'0406); // as after a reset: WB, WT, UC-, UC
    // lfence waits for what is before it on Intel's processors; on AMD's (family 0x10 on, not 0x11) if this bit is set.
    auto zero = cpuid(0), one = cpuid(1);
    bool amd = zero.ecx == 0x444d4163 || zero.ecx == 0x656e6975; // ..cAMD, ..uine
    u32 family = one.eax >> 8 & 15;
    if (family == 15) family += one.eax >> 20 & 255;
    if (amd && family >= 0x10 && family != 0x11) set_msr_bit(msr_amd_decode_config, 1);
}

[[noreturn]] void lacks(std::string_view what) {
    arch::console_write("This processor lacks ");
    arch::console_write(what);
    arch::console_write(", without which Rundlet cannot run. Give the machine another processor model.\n");
    arch::power_off(255);
}
} // namespace

void read_features() {
    u32 last = cpuid(0).eax;
    auto one = cpuid(1);
    Cpuid seven = last >= 7 ? cpuid(7) : Cpuid{};
    Cpuid extended = cpuid(0x80000001); // require.S has seen that it exists
    if (!(one.edx >> 24 & 1)) lacks("FXSR");
    if (!(one.edx >> 26 & 1)) lacks("SSE2");
    if (!(extended.edx >> 11 & 1)) lacks("SYSCALL");
    features.hwcap = one.edx;
    features.machine_check = one.edx >> 7 & 1;
    features.pat = one.edx >> 16 & 1;
    // UserState has room for x87, SSE and AVX in the standard form, with AVX where every CPU so far has it.
    features.xsave = one.ecx >> 26 & 1 && last >= 0xd && (cpuid(0xd).eax & 3) == 3;
    features.avx = features.xsave && one.ecx >> 28 & 1 && cpuid(0xd).eax & 4;
    if (features.avx) {
        auto upper_halves = cpuid(0xd, 2);
        features.avx = upper_halves.eax == 256 && upper_halves.ebx == 576;
    }
    features.xsaveopt = features.xsave && (cpuid(0xd, 1).eax & 1);
    features.x2apic = one.ecx >> 21 & 1;
    features.tsc_deadline = one.ecx >> 24 & 1;
    features.rdrand = one.ecx >> 30 & 1;
    features.rdseed = seven.ebx >> 18 & 1;
    features.smep = seven.ebx >> 7 & 1;
    features.smap = seven.ebx >> 20 & 1;
    features.umip = seven.ecx >> 2 & 1;
    features.huge_pages = extended.edx >> 26 & 1;
    fill_gates();
    arch::sort_fixups({fixups_start, fixups_end});
}

void use_smap() {
    features.smap = features.smap && clac_works();
    if (!features.smap) return;
    patch_smap_sites();
    write_cr4(read_cr4() | cr4_smap);
}

void init_cpu(unsigned cpu, u32 apic_id) {
    Descriptors& d = descriptors[cpu];
    u64 task = reinterpret_cast<u64>(&d.task);
    d.gdt[KERNEL_CODE / 8] = 0x00af'9b00'0000'ffff;
    d.gdt[KERNEL_DATA / 8] = 0x00cf'9300'0000'ffff;
    // No 32-bit user code at 0x20: programs cannot enter compatibility mode, whose system calls we do not have.
    d.gdt[USER_DATA / 8] = 0x00cf'f300'0000'ffff;
    d.gdt[USER_CODE / 8] = 0x00af'fb00'0000'ffff;
    d.gdt[arch::task_state / 8] =
        (sizeof(TaskState) - 1) | (task & 0xffffff) << 16 | u64{0x89} << 40 | (task >> 24 & 0xff) << 56;
    d.gdt[arch::task_state / 8 + 1] = task >> 32;
    d.gdt[CPU_NUMBER_SEGMENT / 8] = 0x0040'f500'0000'0000 | cpu; // a segment in bytes
    d.task.io_map = sizeof(TaskState);                           // none: no user I/O

    TablePointer gdt{sizeof d.gdt - 1, d.gdt}, idt{sizeof gates - 1, gates};
    asm volatile("lgdt %0" ::"m"(gdt));
    asm volatile("lidt %0" ::"m"(idt));
    asm volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov %1, %%ss; ltr %2" ::"i"(KERNEL_CODE),
                 "r"(KERNEL_DATA), "r"(static_cast<u16>(arch::task_state))
                 : "rax", "memory");

    CpuLocal& local = cpus[cpu];
    local.self = &local;
    local.id = cpu;
    local.hardware_id = apic_id;
    local.port[slot_task_state] = task;
    local.port[slot_deadline] = ~u64{0};
    wrmsr(msr_gs_base, reinterpret_cast<u64>(&local));
    wrmsr(msr_kernel_gs_base, 0);
    arch::set_current(boot_threads[cpu]);

    u64 cr4 = read_cr4() | cr4_osfxsr | cr4_osxmmexcpt;
    if (features.smep) cr4 |= cr4_smep;
    if (features.smap && cpu) cr4 |= cr4_smap; // the boot CPU's: use_smap()
    if (features.umip) cr4 |= cr4_umip;
    if (features.machine_check) cr4 |= cr4_mce; // else one resets the machine
    if (features.xsave) cr4 |= cr4_osxsave;
    write_cr4(cr4);
    if (features.xsave) write_xcr0(features.avx ? 7 : 3);
    asm volatile("fninit");
    init_optional_registers();

    // sysret takes its selectors from the top word: +8 for ss, +16 for cs.
    wrmsr(msr_star, u64{USER_DATA - 8} << 48 | u64{KERNEL_CODE} << 32);
    wrmsr(msr_lstar, reinterpret_cast<u64>(syscall_entry));
    wrmsr(msr_fmask,
          flag_trap | flag_interrupt | flag_direction | flag_iopl | flag_nested | flag_resume | flag_alignment);
}

void set_interrupt_stacks(unsigned cpu) {
    auto& task = descriptors[cpu].task;
    task.interrupt_stack[0] = cpu_stack_top(cpu, CpuStack::double_fault);
    task.interrupt_stack[1] = cpu_stack_top(cpu, CpuStack::nmi);
    task.interrupt_stack[2] = cpu_stack_top(cpu, CpuStack::machine_check);
}
} // namespace x86

namespace arch {
void set_current(ThreadHead& thread) {
    CpuLocal& cpu = this_cpu();
    cpu.current = &thread;
    cpu.kernel_stack = thread.kernel_stack;
    reinterpret_cast<x86::TaskState*>(cpu.port[x86::slot_task_state])->rsp[0] = thread.kernel_stack;
}

void use_page_table(PhysAddr root) { x86::write_cr3(root); }
void flush_page(uptr address) { asm volatile("invlpg (%0)" ::"r"(address) : "memory"); }
void flush_user() { x86::write_cr3(x86::read_cr3()); }
void flush_all() {
    // Turning global pages off and on drops the global entries too.
    u64 cr4 = x86::read_cr4();
    x86::write_cr4(cr4 & ~u64{0x80});
    x86::write_cr4(cr4);
}

void enter_user() { enter_user_frame(&user_frame(*current_thread())); }

uptr prepare_stack(uptr stack_top, void (*entry)(void*), void* argument) {
    // The frame of switch_stacks() below room for a trap frame: a user thread's sits at the very top.
    auto* at = reinterpret_cast<u64*>(stack_top - sizeof(TrapFrame));
    *--at = 0; // a return address that ends backtraces, and keeps the alignment
    *--at = reinterpret_cast<u64>(thread_start);
    *--at = 0;                               // rbp
    *--at = 0;                               // rbx
    *--at = reinterpret_cast<u64>(entry);    // r12
    *--at = reinterpret_cast<u64>(argument); // r13
    *--at = 0;                               // r14
    *--at = 0;                               // r15
    return reinterpret_cast<uptr>(at);
}
} // namespace arch
