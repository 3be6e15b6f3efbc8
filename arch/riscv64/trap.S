// The way into the kernel and back. In user mode sscratch holds the CPU's CpuLocal; in the kernel tp does and sscratch is 0.
#include "arch/riscv64/offsets.h"

// As the compiler mangles it.
#define UPCALL_RETURN_TO_USER _ZN6upcall14return_to_userERN4arch9TrapFrameE

.macro caller_saved op // and s0, but not sp, tp
    \op     ra, FRAME_REG(1)(sp)
    \op     gp, FRAME_REG(3)(sp)
    \op     t0, FRAME_REG(5)(sp)
    \op     t1, FRAME_REG(6)(sp)
    \op     t2, FRAME_REG(7)(sp)
    \op     s0, FRAME_REG(8)(sp)
    \op     a0, FRAME_REG(10)(sp)
    \op     a1, FRAME_REG(11)(sp)
    \op     a2, FRAME_REG(12)(sp)
    \op     a3, FRAME_REG(13)(sp)
    \op     a4, FRAME_REG(14)(sp)
    \op     a5, FRAME_REG(15)(sp)
    \op     a6, FRAME_REG(16)(sp)
    \op     a7, FRAME_REG(17)(sp)
    \op     t3, FRAME_REG(28)(sp)
    \op     t4, FRAME_REG(29)(sp)
    \op     t5, FRAME_REG(30)(sp)
    \op     t6, FRAME_REG(31)(sp)
.endm
.macro callee_saved op // but s0
    \op     s1, FRAME_REG(9)(sp)
    \op     s2, FRAME_REG(18)(sp)
    \op     s3, FRAME_REG(19)(sp)
    \op     s4, FRAME_REG(20)(sp)
    \op     s5, FRAME_REG(21)(sp)
    \op     s6, FRAME_REG(22)(sp)
    \op     s7, FRAME_REG(23)(sp)
    \op     s8, FRAME_REG(24)(sp)
    \op     s9, FRAME_REG(25)(sp)
    \op     s10, FRAME_REG(26)(sp)
    \op     s11, FRAME_REG(27)(sp)
.endm
.macro each_register op // but x0, sp, tp
    caller_saved \op
    callee_saved \op
.endm

    .section .text.hot, "ax"
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw   tp, sscratch, tp
    beqz    tp, from_kernel

    sd      sp, CPU_SCRATCH0(tp)
    ld      sp, CPU_KERNEL_STACK(tp)
    addi    sp, sp, -FRAME_SIZE
    each_register sd
    csrrw   t0, sscratch, zero
    ld      t1, CPU_SCRATCH0(tp)
    li      t2, SSTATUS_SUM | SSTATUS_FS
    csrrc   t2, sstatus, t2
    csrr    t3, sepc
    csrr    t4, scause
    sd      t0, FRAME_REG(4)(sp)
    sd      t1, FRAME_REG(2)(sp)
    sd      t2, FRAME_STATUS(sp)
    sd      t4, FRAME_CAUSE(sp)
    sd      a0, FRAME_ORIGINAL_A0(sp)
    li      s0, 0                    // the end of every backtrace
    li      t0, CAUSE_SYSCALL
    bne     t4, t0, 1f
    addi    t3, t3, 4
    sd      t3, FRAME_PC(sp)
    csrsi   sstatus, SSTATUS_SIE
    ld      t1, CPU_CURRENT(tp)
    li      t0, SYSCALL_LIMIT
    ld      t1, THREAD_SYSCALLS(t1)
    bgeu    a7, t0, 3f
    mv      t0, a7
3:  slli    t0, t0, 3
    add     t1, t1, t0
    ld      t1, 0(t1)
    jalr    t1                       // a0..a5 still hold the arguments
    csrci   sstatus, SSTATUS_SIE
    ld      t0, CPU_CURRENT(tp)
    sd      a0, FRAME_REG(10)(sp)
    lw      t0, THREAD_WORK(t0)
    ld      t1, FRAME_CAUSE(sp)
    li      t2, CAUSE_SYSCALL
    bnez    t0, 2f
    bne     t1, t2, leave            // the frame has been replaced: TrapFrame::leave_syscall()
    ld      t0, FRAME_STATUS(sp)     // else s1..s11 still hold what the user had in them
    ld      t1, FRAME_PC(sp)
    csrw    sstatus, t0
    csrw    sepc, t1
    csrw    sscratch, tp
    caller_saved ld
    ld      tp, FRAME_REG(4)(sp)
    ld      sp, FRAME_REG(2)(sp)
    sret

1:  csrr    t0, stval
    mv      a0, sp
    sd      t3, FRAME_PC(sp)
    sd      t0, FRAME_BAD_ADDRESS(sp)
    call    trap_from_user

return_to_user: // sp: the trap frame
    csrci   sstatus, SSTATUS_SIE
    ld      t0, CPU_CURRENT(tp)
    lw      t0, THREAD_WORK(t0)
    bnez    t0, 2f
leave:
    ld      t0, FRAME_STATUS(sp)
    ld      t1, FRAME_PC(sp)
    csrw    sstatus, t0
    csrw    sepc, t1
    csrw    sscratch, tp
    each_register ld
    ld      tp, FRAME_REG(4)(sp)
    ld      sp, FRAME_REG(2)(sp)
    sret
2:  mv      a0, sp
    call    UPCALL_RETURN_TO_USER
    j       return_to_user

// [[noreturn]] void arch::enter_user()
    .globl _ZN4arch10enter_userEv
_ZN4arch10enter_userEv:
    csrci   sstatus, SSTATUS_SIE
    ld      sp, CPU_KERNEL_STACK(tp)
    addi    sp, sp, -FRAME_SIZE
    li      s0, 0
    j       return_to_user

from_kernel: // tp is 0, sscratch holds the kernel's tp
    csrrw   tp, sscratch, tp
    sd      t0, CPU_SCRATCH1(tp)
    ld      t0, CPU_ENTERING(tp)
    bnez    t0, overflow             // saving the registers faulted: there is no stack below sp
    li      t0, 1
    sd      t0, CPU_ENTERING(tp)
    ld      t0, CPU_SCRATCH1(tp)
    sd      sp, CPU_SCRATCH0(tp)
    addi    sp, sp, -FRAME_SIZE
    each_register sd
    sd      zero, CPU_ENTERING(tp)
    call    save_rest
    call    trap_from_kernel
    ld      t0, FRAME_STATUS(sp)
    ld      t1, FRAME_PC(sp)
    csrw    sstatus, t0
    csrw    sepc, t1
    each_register ld                 // not tp: the thread may have moved to another CPU
    ld      sp, FRAME_REG(2)(sp)
    sret

overflow:
    ld      t0, CPU_SCRATCH1(tp)
    sd      sp, CPU_SCRATCH0(tp)
    ld      sp, CPU_EMERGENCY(tp)
    addi    sp, sp, -FRAME_SIZE
    each_register sd
    sd      zero, CPU_ENTERING(tp)
    call    save_rest
    call    stack_overflow
    unimp

save_rest: // the registers that each_register leaves out; a0 = the frame
    ld      t1, CPU_SCRATCH0(tp)
    li      t2, SSTATUS_SUM | SSTATUS_FS
    csrrc   t2, sstatus, t2
    csrr    t3, sepc
    csrr    t4, scause
    csrr    t5, stval
    sd      t1, FRAME_REG(2)(sp)
    sd      tp, FRAME_REG(4)(sp)
    sd      t2, FRAME_STATUS(sp)
    sd      t3, FRAME_PC(sp)
    sd      t4, FRAME_CAUSE(sp)
    sd      t5, FRAME_BAD_ADDRESS(sp)
    sd      zero, FRAME_ORIGINAL_A0(sp)
    mv      a0, sp
    ret
