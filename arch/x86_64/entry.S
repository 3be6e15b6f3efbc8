// Every way into the kernel and out of it. Frames are struct arch::TrapFrame, offsets in layout.h.
#include "layout.h"

    // Three bytes that become clac when the CPU has SMAP (cpu.cpp): user mode may have set AC.
    .macro clac_here
9:  .byte 0x0f, 0x1f, 0x00 // nop
    .pushsection .smap_sites, "a"
    .long 9b - .
    .byte 0x0f, 0x01, 0xca, 0
    .popsection
    .endm

    // After rip..ss, original_rax and rdi are on the stack.
    .macro push_rest
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $24, %rsp
    .endm

    .macro pop_all
    add $24, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $8, %rsp
    .endm

    // Calls the handler of the system call in rax with the user's registers; its result is in rax.
    // cmova also keeps the CPU from speculating beyond the table.
    .macro call_handler
    mov %r10, %rcx
    mov $SYSCALL_LIMIT, %r10d
    cmp %r10, %rax
    cmova %r10, %rax
    mov %gs:CPU_CURRENT, %r10
    mov HEAD_SYSCALLS(%r10), %r10
    xor %ebp, %ebp
    call *(%r10, %rax, 8)
    .endm

    .section .entry.text, "ax"
    .balign 64
    .globl syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_KERNEL_STACK, %rsp
    push $USER_DATA
    push %gs:CPU_SCRATCH
    push %r11
    push $USER_CODE
    push %rcx
    push %rax
    push %rdi
    push_rest
    sti
    call_handler
    cli
    mov %gs:CPU_CURRENT, %rcx
    cmpl $0, HEAD_WORK(%rcx)
    jne 1f
    cmpq $-1, FRAME_ORIGINAL_RAX(%rsp)
    je 1f // the frame has been replaced: TrapFrame::leave_syscall()
    // Else rip and rflags are what syscall left in rcx and r11, so rip is canonical and sysret cannot fault; and the
    // registers that C++ functions preserve still hold what the user had in them.
    mov FRAME_RFLAGS(%rsp), %r11
    test $0x10100, %r11d // RF, TF: sysret would not restore or would trap too early
    jnz 1f
    mov FRAME_RIP(%rsp), %rcx
    mov FRAME_R10(%rsp), %r10
    mov FRAME_R9(%rsp), %r9
    mov FRAME_R8(%rsp), %r8
    mov FRAME_RDX(%rsp), %rdx
    mov FRAME_RSI(%rsp), %rsi
    mov FRAME_RDI(%rsp), %rdi
    mov FRAME_RBP(%rsp), %rbp
    mov FRAME_RSP(%rsp), %rsp
    swapgs
    sysretq
1:  mov %rax, FRAME_RAX(%rsp)
    jmp return_to_user

    // int 0x80 with the registers of syscall. Keeps rcx and r11.
    .balign 16
    .globl int80_entry
int80_entry:
    cld
    clac_here
    push %rax
    push %rdi
    push_rest
    swapgs
    sti
    call_handler
    mov %rax, FRAME_RAX(%rsp)
    cli

    // The common way out. Interrupts are off, rsp points to the frame.
    .globl return_to_user
return_to_user:
    mov %gs:CPU_CURRENT, %rax
    cmpl $0, HEAD_WORK(%rax)
    jne 2f
    mov FRAME_RIP(%rsp), %rax
    shr $47, %rax
    jnz 3f
    pop_all
    swapgs
    iretq
2:  mov %rsp, %rdi
    call work_before_user
    jmp return_to_user
    // iretq to a non-canonical address would fault in the kernel: an address that faults in user mode replaces it.
3:  movabs $0x7ffffffff000, %rax
    mov %rax, FRAME_RIP(%rsp)
    jmp return_to_user

    .globl enter_user_frame // (TrapFrame*)
enter_user_frame:
    cli
    mov %rdi, %rsp
    jmp return_to_user

    // rdi: vector; on the stack: rip..ss, the error code in original_rax's place, rdi.
    .balign 16
exception_entry:
    cld
    clac_here
    push_rest
    mov FRAME_ORIGINAL_RAX(%rsp), %rax
    movq $-1, FRAME_ORIGINAL_RAX(%rsp)
    mov %rax, FRAME_ERROR_CODE(%rsp)
    mov %rdi, FRAME_TRAP_NUMBER(%rsp)
    mov %cr2, %rax
    mov %rax, FRAME_FAULT_ADDRESS(%rsp)
    mov %rsp, %rdi
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
    lfence // no speculation with the user's GS base
    xor %ebp, %ebp
    call handle_exception
    cli
    jmp return_to_user
1:  call handle_exception
    pop_all
    iretq

    .balign 16
interrupt_entry:
    cld
    clac_here
    push_rest
    movq $-1, FRAME_ORIGINAL_RAX(%rsp)
    mov %rsp, %rsi
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
    lfence
    xor %ebp, %ebp
    call handle_interrupt
    jmp return_to_user
1:  call handle_interrupt
    pop_all
    iretq

    // NMI, double fault, machine check: on a stack of their own, at any instruction, so only the GS base tells whose it is.
    .balign 16
paranoid_entry:
    cld
    clac_here
    push_rest
    mov FRAME_ORIGINAL_RAX(%rsp), %rax
    movq $-1, FRAME_ORIGINAL_RAX(%rsp)
    mov %rax, FRAME_ERROR_CODE(%rsp)
    mov %rdi, FRAME_TRAP_NUMBER(%rsp)
    mov %cr2, %rax
    mov %rax, FRAME_FAULT_ADDRESS(%rsp)
    xor %ebx, %ebx
    mov $MSR_GS_BASE, %ecx
    rdmsr
    test %edx, %edx
    js 1f
    swapgs
    inc %ebx
1:  lfence
    mov %rsp, %rdi
    call handle_paranoid
    test %ebx, %ebx
    jz 1f
    swapgs
1:  pop_all
    iretq

    .macro stub vector, to, has_error=0
    .balign 16
    .if !\has_error
    push $0
    .endif
    push %rdi
    mov $\vector, %edi
    jmp \to
    .endm

    // One stub each 16 bytes: 32 exceptions, then the devices.
    .balign 16
    .globl exception_stubs, device_stubs, message_stubs, timer_stub, ipi_stub, spurious_stub
exception_stubs:
    .set vector, 0
    .rept 32
    .if vector == 2 || vector == 18
    stub vector, paranoid_entry
    .elseif vector == 8
    stub vector, paranoid_entry, 1
    .elseif vector == 10 || vector == 11 || vector == 12 || vector == 13 || vector == 14 || vector == 17 || vector == 21 || vector == 29 || vector == 30
    stub vector, exception_entry, 1
    .else
    stub vector, exception_entry
    .endif
    .set vector, vector + 1
    .endr
    .balign 16
device_stubs:
    .set vector, VECTOR_DEVICE
    .rept DEVICE_VECTORS
    stub vector, interrupt_entry
    .set vector, vector + 1
    .endr
    .balign 16
message_stubs:
    .set vector, VECTOR_MESSAGE
    .rept MESSAGE_VECTORS
    stub vector, interrupt_entry
    .set vector, vector + 1
    .endr
    .balign 16
timer_stub:
    stub VECTOR_TIMER, interrupt_entry
    .balign 16
ipi_stub:
    stub VECTOR_IPI, interrupt_entry
    .balign 16
spurious_stub:
    iretq

    // switch_stacks(uptr* from, uptr to)
    .text
    .balign 16
    .globl switch_stacks
switch_stacks:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    // Where the first switch to a stack returns to: prepare_stack() put function and argument into r12 and r13.
    .globl thread_start
thread_start:
    mov %r13, %rdi
    xor %ebp, %ebp
    call *%r12
    ud2
    .section .note.GNU-stack, "", @progbits
