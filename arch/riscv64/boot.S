// From the firmware to C++: RISC-V boot protocol, a0 = hart, a1 = device tree (physical), address translation off.
#include "arch/riscv64/offsets.h"
#define GIB_SHIFT 30
#define SATP_SV39 8
#define PTE_KERNEL 0xcf // dirty, accessed, executable, writable, readable, valid: replaced before the kernel proper starts

    .section .head, "ax"
    .globl _start
_start: // The header of a RISC-V "Image", for boot loaders that know no ELF
    j       1f
    .balign 8
    .quad   0x200000               // offset from the start of RAM
    .quad   image_end - image_start
    .quad   0                      // little-endian
    .word   2                      // header version 0.2
    .word   0
    .quad   0
    .ascii  "RISCV\0\0\0"
    .ascii  "RSC\x05"
    .word   0

1:  csrw    sie, zero
    csrw    sip, zero
    lla     t0, entered
    li      t1, 1
    amoswap.w.aqrl t1, t1, (t0)
    bnez    t1, late_hart
    mv      s0, a0
    mv      s1, a1

    lla     t0, bss_start
    lla     t1, boot_stack_top
2:  sd      zero, 0(t0)
    sd      zero, 8(t0)
    sd      zero, 16(t0)
    sd      zero, 24(t0)
    addi    t0, t0, 32
    bltu    t0, t1, 2b

    // Entries 256 on map 128 GiB of physical addresses; entry 510 the GiB that we run in.
    lla     t0, boot_table
    li      t1, PTE_KERNEL
    li      t2, 1 << (GIB_SHIFT - 2)
    li      t3, 128
    addi    t4, t0, 2040
3:  sd      t1, 8(t4)
    add     t1, t1, t2
    addi    t4, t4, 8
    addi    t3, t3, -1
    bnez    t3, 3b
    lla     s2, _start
    srli    s2, s2, GIB_SHIFT
    slli    t1, s2, GIB_SHIFT - 2
    addi    t1, t1, PTE_KERNEL
    li      t3, 510 * 8
    add     t3, t3, t0
    sd      t1, 0(t3)
    slli    s2, s2, GIB_SHIFT      // physical address of the GiB

    li      t3, -(1 << 31)         // the kernel's GiB: 0xffffffff80000000
    sub     t3, t3, s2             // virtual minus physical
    srli    t0, t0, 12
    li      t1, SATP_SV39
    slli    t1, t1, 60
    or      t0, t0, t1
    lla     t1, 4f
    add     t1, t1, t3
    csrw    stvec, t1
    sfence.vma
    csrw    satp, t0               // this address is not mapped any more: the next fetch traps to stvec
    .balign 4
4:  lla     t0, trap_entry
    csrw    stvec, t0
    csrw    sscratch, zero
    lla     sp, boot_stack_top
    lla     tp, cpu_locals
    mv      a0, s0
    mv      a1, s1
    mv      a2, s2
    li      s0, 0
    call    riscv_start
    unimp

// OpenSBI before 1.3 marks a hart as started before it has written down where to: one that comes up just then goes where
// the boot hart went. It is the one that start_cpus() waits for: a0 = hart, its CpuLocal is found by that.
late_hart:
    lla     t0, cpu_locals
    li      t1, CPU_SIZE * MAX_CPUS
    add     t1, t1, t0
1:  ld      t2, CPU_HARDWARE_ID(t0)
    ld      a1, 0(t0) // self; null: not in use
    bne     t2, a0, 2f
    bnez    a1, secondary_start
2:  addi    t0, t0, CPU_SIZE
    bltu    t0, t1, 1b
3:  wfi
    j       3b

// A secondary hart, started by SBI: a0 = hart, a1 = its CpuLocal (virtual), address translation off.
    .globl secondary_start
secondary_start:
    csrw    sie, zero
    lla     t0, secondary_satp
    ld      t0, 0(t0)
    lla     t1, secondary_offset
    ld      t1, 0(t1)
    lla     t2, 5f
    add     t2, t2, t1
    csrw    stvec, t2
    sfence.vma
    csrw    satp, t0
    .balign 4
5:  lla     t0, trap_entry
    csrw    stvec, t0
    csrw    sscratch, zero
    mv      tp, a1
    ld      sp, 24(tp)
    li      s0, 0
    call    riscv_secondary
    unimp

    .data
    .balign 4
entered: // not in .bss, which the first hart clears
    .word   0

    .section .bss.pages, "aw", @nobits
    .balign 4096
    .globl boot_table
boot_table:
    .skip   4096
