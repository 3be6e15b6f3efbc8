// From the PVH entry (32-bit, paging off) to boot_main() in long mode at the kernel's linked address;
// and the same way for the other CPUs, from real mode.
#include "layout.h"

#define PHYSICAL(symbol) (symbol - IMAGE_BASE)

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18 // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad PHYSICAL(pvh_start)

    // Both CPUs' ways: eax = physical address of the top-level table. Leaves with long mode and paging on.
    .macro enable_long_mode
    mov %eax, %cr3
    mov $0xa0, %eax // PAE, PGE
    mov %eax, %cr4
    mov $MSR_EFER, %ecx
    rdmsr
    or $0x901, %eax // NXE, LME, SCE
    wrmsr
    mov $0x80050033, %eax // PG, AM, WP, NE, ET, MP, PE
    mov %eax, %cr0
    .endm

    .section .boot.text, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    mov %ebx, %ebp
    mov $PHYSICAL(boot_stack_top), %esp
    call require_processor

    // Identity map of the first 4 GiB, seen also in the direct map; the first GiB also at the kernel's linked address.
    mov $PHYSICAL(early_tables), %edi
    lea 0x1003(%edi), %eax
    mov %eax, (%edi)            // top[0]: low
    mov %eax, 256 * 8(%edi)     // top[256]: direct map
    lea 0x2003(%edi), %eax
    mov %eax, 511 * 8(%edi)     // top[511]: kernel image
    lea 0x3003(%edi), %eax
    mov %eax, 0x2000 + 510 * 8(%edi)
    xor %ecx, %ecx
1:  mov %eax, 0x1000(%edi, %ecx, 8)
    add $0x1000, %eax
    inc %ecx
    cmp $4, %ecx
    jne 1b
    mov $0x83, %eax // present, writable, 2 MiB
    xor %ecx, %ecx
1:  mov %eax, 0x3000(%edi, %ecx, 8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jne 1b

    mov %edi, %eax
    enable_long_mode
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $KERNEL_CODE, $PHYSICAL(1f)
    .code64
1:  movabs $boot_high, %rax
    jmp *%rax
boot_high:
    mov $KERNEL_DATA, %eax
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov $boot_stack_top, %rsp
    mov $1, %eax
    cpuid
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    bt $30, %ecx
    jnc 1f
    rdrand %rcx
    xor %rcx, %rax
1:  movabs $0x9e3779b97f4a7c15, %rcx
    imul %rcx, %rax
    xor %al, %al // a null byte stops string overruns
    mov %rax, __stack_chk_guard(%rip)
    mov %ebp, %edi
    xor %ebp, %ebp
    call boot_main
    ud2

    // continue_on_stack(top, function, page_tables): the boot stack is left for good; only the new tables know the new one.
    .globl continue_on_stack
continue_on_stack:
    mov %rdx, %cr3
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff // KERNEL_CODE
    .quad 0x00cf93000000ffff // KERNEL_DATA
boot_gdt_pointer:
    .word 31
    .long PHYSICAL(boot_gdt)

    // Copied to TRAMPOLINE; addresses inside are relative to it. Real mode, cs = TRAMPOLINE >> 4.
    .globl trampoline_start, trampoline_end, trampoline_root, trampoline_stack, trampoline_cpu
    .balign 16
trampoline_start:
    .code16
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl trampoline_gdt_pointer - trampoline_start
    mov $0x11, %eax // protected mode
    mov %eax, %cr0
    ljmpl $0x8, $(TRAMPOLINE + 1f - trampoline_start)
    .code32
1:  mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov TRAMPOLINE + trampoline_root - trampoline_start, %eax
    enable_long_mode
    ljmp $KERNEL_CODE, $(TRAMPOLINE + 1f - trampoline_start)
    .code64
1:  xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov TRAMPOLINE + trampoline_stack - trampoline_start, %rsp
    mov TRAMPOLINE + trampoline_cpu - trampoline_start, %rdi
    xor %ebp, %ebp
    movabs $secondary_main, %rax
    call *%rax
    ud2
    .balign 8
trampoline_root: .quad 0
trampoline_stack: .quad 0
trampoline_cpu: .quad 0
trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff // 32-bit code
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
trampoline_gdt_pointer:
    .word 31
    .long TRAMPOLINE + trampoline_gdt - trampoline_start
trampoline_end:

    .section .boot_only, "aw", @nobits
    .balign 4096
early_tables: .skip 7 * 4096
    .skip 8192
boot_stack_top:

    .bss
    .balign 8
    .globl __stack_chk_guard
__stack_chk_guard: .skip 8
    .section .note.GNU-stack, "", @progbits
