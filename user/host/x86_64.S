# Entry, system call and mark of a program of the Host ABI.
    .text
    .globl _start
_start:
    xor %ebp, %ebp
    mov %rsp, %rdi
    and $-16, %rsp
    call host_start
    ud2

    # u64 host_call(number, a0, a1, a2, a3, a4, a5)
    .globl host_call
host_call:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    syscall
    ret

    .section .note.rundlet, "a", @note
    .balign 4
    .long 8, 0, 1
    .asciz "Rundlet"
    .section .note.GNU-stack, "", @progbits
