// Single instructions as functions, and the MSRs and control bits the port uses.
#pragma once
#include "lib/types.h"

namespace x86 {
inline u64 rdmsr(u32 msr) {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return u64{high} << 32 | low;
}
inline void wrmsr(u32 msr, u64 value) {
    asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
}
struct Cpuid {
    u32 eax, ebx, ecx, edx;
};
inline Cpuid cpuid(u32 leaf, u32 subleaf = 0) {
    Cpuid r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}
inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
inline void out16(u16 port, u16 value) { asm volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
inline void out32(u16 port, u32 value) { asm volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }
inline u8 in8(u16 port) {
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline u64 read_cr3() {
    u64 value;
    asm volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
inline void write_cr3(u64 value) { asm volatile("mov %0, %%cr3" ::"r"(value) : "memory"); }
inline u64 read_cr4() {
    u64 value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
inline void write_cr4(u64 value) { asm volatile("mov %0, %%cr4" ::"r"(value) : "memory"); }
inline void write_xcr0(u64 value) {
    asm volatile("xsetbv" ::"c"(0), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
}
/// All of memory is written before, and nothing later begins: before an MSR write that other CPUs notice, which orders
/// nothing by itself (the x2APIC's, the deadline timer's).
inline void fence_before_msr() { asm volatile("mfence; lfence" ::: "memory"); }
/// a * b / c with the product in 128 bits; the quotient must fit in 64.
inline u64 multiply_divide(u64 a, u64 b, u64 c) {
    u64 quotient, high;
    asm("mulq %3; divq %4" : "=a"(quotient), "=&d"(high) : "a"(a), "r"(b), "r"(c) : "cc");
    return quotient;
}
[[noreturn]] inline void halt() {
    for (;;) asm volatile("cli; hlt");
}

enum Msr : u32 {
    msr_apic_base = 0x1b,
    msr_pat = 0x277,
    msr_tsc_deadline = 0x6e0,
    msr_x2apic = 0x800,
    msr_star = 0xc0000081,
    msr_lstar = 0xc0000082,
    msr_fmask = 0xc0000084,
    msr_fs_base = 0xc0000100,
    msr_gs_base = 0xc0000101,
    msr_kernel_gs_base = 0xc0000102,
    msr_amd_decode_config = 0xc0011029,
};
enum Cr4 : u64 {
    cr4_mce = 1 << 6,
    cr4_osfxsr = 1 << 9,
    cr4_osxmmexcpt = 1 << 10,
    cr4_umip = 1 << 11,
    cr4_osxsave = 1 << 18,
    cr4_smep = 1 << 20,
    cr4_smap = 1 << 21,
};
enum Flags : u64 {
    flag_trap = 1 << 8,
    flag_interrupt = 1 << 9,
    flag_direction = 1 << 10,
    flag_iopl = 3 << 12,
    flag_nested = 1 << 14,
    flag_resume = 1 << 16,
    flag_alignment = 1 << 18,
};

/// What CPUID said on the boot CPU. We take the others to be the same.
struct Features {
    bool smep, smap, umip, xsave, xsaveopt, avx, x2apic, tsc_deadline, huge_pages, rdrand, rdseed, machine_check, pat;
    u32 hwcap; // CPUID 1, edx
};
extern Features features;
} // namespace x86
