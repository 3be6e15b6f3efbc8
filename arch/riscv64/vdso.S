// Where signal handlers return to. Unwinders recognise these two instructions.
    .text
    .globl __vdso_rt_sigreturn
    .type __vdso_rt_sigreturn, @function
    .cfi_startproc
    .cfi_signal_frame
__vdso_rt_sigreturn:
    li      a7, 139 // __NR_rt_sigreturn
    ecall
    .cfi_endproc
    .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn
