// What the way into long mode needs, asked for with words: without the check a processor that lacks it would reset. Runs
// as boot.S begins: 32 bits, paging off, at physical addresses. The rest is asked for in cpu.cpp.
#include "layout.h"

#define PHYSICAL(symbol) (symbol - IMAGE_BASE)
#define COM1 0x3f8
#define EXTENDED 32 + /* a bit of CPUID 0x80000001, else 1; both in edx */
#define EXTENDED_BIT 5
#define END 255

    .section .boot.text, "ax"
    .code32
    .globl require_processor // keeps ebp
require_processor:
    mov $1, %eax
    cpuid
    mov %edx, %esi
    mov $0x80000000, %eax
    cpuid
    mov $0, %edx
    cmp $0x80000001, %eax
    jb 1f
    mov $0x80000001, %eax
    cpuid
1:  mov $PHYSICAL(required), %ebx
2:  movzbl (%ebx), %eax
    cmp $END, %eax
    je 5f
    mov %esi, %ecx
    bt $EXTENDED_BIT, %eax
    jnc 3f
    mov %edx, %ecx
3:  bt %eax, %ecx // takes the bit's number modulo 32
    jnc missing
4:  inc %ebx
    cmpb $0, (%ebx)
    jne 4b
    inc %ebx
    jmp 2b
5:  ret

missing:
    mov $PHYSICAL(before), %esi
    call print
    lea 1(%ebx), %esi
    call print
    mov $PHYSICAL(after), %esi
    call print
    // The status for the host, as power_off() gives it.
    mov $PHYSICAL(status), %esi
    mov $0xe9, %edx
    mov $4, %ecx
    rep outsb
    mov $255, %eax
    out %eax, $0xf4
1:  hlt
    jmp 1b

print: // the string at esi, on the first serial port
    lodsb
    test %al, %al
    jz 3f
    mov %al, %cl
    mov $COM1 + 5, %edx
1:  in %dx, %al // a missing port reads all ones: ready
    test $0x20, %al
    jz 1b
    mov $COM1, %edx
    mov %cl, %al
    out %al, %dx
    jmp print
3:  ret

    .section .rodata
required: // bit, name
    .byte 5
    .asciz "MSRs"
    .byte 6
    .asciz "PAE"
    .byte 13
    .asciz "PGE (global pages)"
    .byte EXTENDED 29
    .asciz "long mode (64 bits)"
    .byte EXTENDED 20
    .asciz "NX (pages that cannot be executed)"
    .byte END
before: .asciz "This processor lacks "
after:  .asciz ", without which Rundlet cannot run. Give the machine another processor model.\r\n"
status: .ascii "255\n"
    .section .note.GNU-stack, "", @progbits
