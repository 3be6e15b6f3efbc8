// Switching between kernel stacks, and the FPU's registers.
    .text
// void switch_stacks(uptr* from, uptr to)
    .globl switch_stacks
switch_stacks:
    addi    sp, sp, -112
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    sd      s7, 64(sp)
    sd      s8, 72(sp)
    sd      s9, 80(sp)
    sd      s10, 88(sp)
    sd      s11, 96(sp)
    sd      sp, 0(a0)
    mv      sp, a1
    addi    t0, sp, 104
    sc.d    zero, zero, (t0)         // no load reservation outlives its thread's turn
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    ld      s9, 80(sp)
    ld      s10, 88(sp)
    ld      s11, 96(sp)
    addi    sp, sp, 112
    ret

// Where a prepared stack starts: s1 = the function, s2 = its argument.
    .globl thread_start
thread_start:
    li      s0, 0
    mv      a0, s2
    jalr    s1
    unimp

.macro each_float op
    \op     f0, 0(a0)
    \op     f1, 8(a0)
    \op     f2, 16(a0)
    \op     f3, 24(a0)
    \op     f4, 32(a0)
    \op     f5, 40(a0)
    \op     f6, 48(a0)
    \op     f7, 56(a0)
    \op     f8, 64(a0)
    \op     f9, 72(a0)
    \op     f10, 80(a0)
    \op     f11, 88(a0)
    \op     f12, 96(a0)
    \op     f13, 104(a0)
    \op     f14, 112(a0)
    \op     f15, 120(a0)
    \op     f16, 128(a0)
    \op     f17, 136(a0)
    \op     f18, 144(a0)
    \op     f19, 152(a0)
    \op     f20, 160(a0)
    \op     f21, 168(a0)
    \op     f22, 176(a0)
    \op     f23, 184(a0)
    \op     f24, 192(a0)
    \op     f25, 200(a0)
    \op     f26, 208(a0)
    \op     f27, 216(a0)
    \op     f28, 224(a0)
    \op     f29, 232(a0)
    \op     f30, 240(a0)
    \op     f31, 248(a0)
.endm

    .option push
    .option arch, +d
// void fpu_save(u64* f, u32* fcsr), fpu_load(const u64* f, u32 fcsr): the FPU is on only in between.
    .globl fpu_save
fpu_save:
    li      t0, 0x6000
    csrs    sstatus, t0
    each_float fsd
    frcsr   t1
    sw      t1, 0(a1)
    csrc    sstatus, t0
    ret

    .globl fpu_load
fpu_load:
    li      t0, 0x6000
    csrs    sstatus, t0
    each_float fld
    fscsr   a1
    csrc    sstatus, t0
    ret
    .option pop
