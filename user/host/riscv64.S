# Entry, system call and mark of a program of the Host ABI.
    .text
    .globl _start
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    mv a0, sp
    andi sp, sp, -16
    call host_start
    ebreak

    # u64 host_call(number, a0, a1, a2, a3, a4, a5)
    .globl host_call
host_call:
    mv a7, a0
    mv a0, a1
    mv a1, a2
    mv a2, a3
    mv a3, a4
    mv a4, a5
    mv a5, a6
    ecall
    ret

    .section .note.rundlet, "a", @note
    .balign 4
    .long 8, 0, 1
    .asciz "Rundlet"
    .section .note.GNU-stack, "", @progbits
