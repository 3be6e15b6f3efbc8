// memcpy, memmove and memset. Up to 128 bytes by moves that may overlap, so that no size needs a loop; beyond, the CPU's
// string instructions on words: as fast as any loop on what we run on, and one instruction a word where they are counted.
    .text

    // Moves n bytes, low <= n <= 2 * low, by 8-byte words from both ends: all are loaded before any is stored.
    .macro copy_16_to_32
    mov (%rsi), %rcx
    mov 8(%rsi), %r8
    mov -16(%rsi, %rdx), %r9
    mov -8(%rsi, %rdx), %r10
    mov %rcx, (%rdi)
    mov %r8, 8(%rdi)
    mov %r9, -16(%rdi, %rdx)
    mov %r10, -8(%rdi, %rdx)
    .endm

    // Moves 32 bytes and steps behind them; then the flags compare what is left with 32.
    .macro copy_32_upwards
    mov (%rsi), %rcx
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %r10
    mov %rcx, (%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
    add $32, %rsi
    add $32, %rdi
    sub $32, %rdx
    cmp $32, %rdx
    .endm

    .balign 64
    .globl memcpy
    .type memcpy, @function
memcpy:
    mov %rdi, %rax
    cmp $16, %rdx
    jb copy_below_16
    cmp $32, %rdx
    ja 1f
    copy_16_to_32
    ret
1:  cmp $128, %rdx
    ja 3f
    // 32 bytes at a time, the last ones as an overlapping tail.
2:  copy_32_upwards
    ja 2b
    mov -32(%rsi, %rdx), %rcx
    mov -24(%rsi, %rdx), %r8
    mov -16(%rsi, %rdx), %r9
    mov -8(%rsi, %rdx), %r10
    mov %rcx, -32(%rdi, %rdx)
    mov %r8, -24(%rdi, %rdx)
    mov %r9, -16(%rdi, %rdx)
    mov %r10, -8(%rdi, %rdx)
    ret
3:  mov %rdx, %rcx
    mov -8(%rsi, %rdx), %r8
    lea -8(%rdi, %rdx), %r9
    shr $3, %rcx
    rep movsq
    mov %r8, (%r9)
    ret

copy_below_16:
    cmp $8, %edx
    jb 1f
    mov (%rsi), %rcx
    mov -8(%rsi, %rdx), %r8
    mov %rcx, (%rdi)
    mov %r8, -8(%rdi, %rdx)
    ret
1:  cmp $4, %edx
    jb 2f
    mov (%rsi), %ecx
    mov -4(%rsi, %rdx), %r8d
    mov %ecx, (%rdi)
    mov %r8d, -4(%rdi, %rdx)
    ret
2:  test %edx, %edx
    jz 3f
    movzbl (%rsi), %ecx
    movzbl -1(%rsi, %rdx), %r8d
    cmp $2, %edx
    jbe 4f
    movzbl 1(%rsi), %r9d
    mov %r9b, 1(%rdi)
4:  mov %cl, (%rdi)
    mov %r8b, -1(%rdi, %rdx)
3:  ret

    .balign 16
    .globl memmove
    .type memmove, @function
memmove:
    mov %rdi, %rax
    cmp $16, %rdx
    jb copy_below_16
    cmp $32, %rdx
    ja 1f
    copy_16_to_32
    ret
1:  mov %rdi, %rcx
    sub %rsi, %rcx
    cmp %rdx, %rcx
    jb 3f // the target begins inside the source
    neg %rcx
    cmp %rdx, %rcx
    jae memcpy // they do not overlap
    // Upwards, 32 bytes at a time; the last ones are loaded before they can be overwritten.
    lea (%rdi, %rdx), %r11
    push -32(%rsi, %rdx)
    push -24(%rsi, %rdx)
    push -16(%rsi, %rdx)
    push -8(%rsi, %rdx)
5:  copy_32_upwards
    ja 5b
    pop -8(%r11)
    pop -16(%r11)
    pop -24(%r11)
    pop -32(%r11)
    ret
    // Downwards, 32 bytes at a time; the first ones are loaded before they can be overwritten.
3:  mov (%rsi), %r11
    push 8(%rsi)
    push 16(%rsi)
    push 24(%rsi)
2:  mov -8(%rsi, %rdx), %rcx
    mov -16(%rsi, %rdx), %r8
    mov -24(%rsi, %rdx), %r9
    mov -32(%rsi, %rdx), %r10
    mov %rcx, -8(%rdi, %rdx)
    mov %r8, -16(%rdi, %rdx)
    mov %r9, -24(%rdi, %rdx)
    mov %r10, -32(%rdi, %rdx)
    sub $32, %rdx
    cmp $32, %rdx
    ja 2b
    pop 24(%rdi)
    pop 16(%rdi)
    pop 8(%rdi)
    mov %r11, (%rdi)
    ret

    .balign 16
    .globl memset
    .type memset, @function
memset:
    mov %rdi, %r9
    movzbl %sil, %eax
    movabs $0x0101010101010101, %rcx
    imul %rcx, %rax
    cmp $32, %rdx
    ja 1f
    cmp $16, %edx
    jb 3f
    mov %rax, (%rdi)
    mov %rax, 8(%rdi)
    mov %rax, -16(%rdi, %rdx)
    mov %rax, -8(%rdi, %rdx)
    mov %r9, %rax
    ret
1:  cmp $128, %rdx
    ja 2f
4:  mov %rax, (%rdi)
    mov %rax, 8(%rdi)
    mov %rax, 16(%rdi)
    mov %rax, 24(%rdi)
    add $32, %rdi
    sub $32, %rdx
    cmp $32, %rdx
    ja 4b
    mov %rax, -32(%rdi, %rdx)
    mov %rax, -24(%rdi, %rdx)
    mov %rax, -16(%rdi, %rdx)
    mov %rax, -8(%rdi, %rdx)
    mov %r9, %rax
    ret
2:  mov %rax, -8(%rdi, %rdx)
    mov %rdx, %rcx
    shr $3, %rcx
    rep stosq
    mov %r9, %rax
    ret
3:  cmp $8, %edx
    jb 5f
    mov %rax, (%rdi)
    mov %rax, -8(%rdi, %rdx)
    mov %r9, %rax
    ret
5:  cmp $4, %edx
    jb 6f
    mov %eax, (%rdi)
    mov %eax, -4(%rdi, %rdx)
    mov %r9, %rax
    ret
6:  test %edx, %edx
    jz 7f
    mov %al, (%rdi)
    mov %al, -1(%rdi, %rdx)
    cmp $2, %edx
    jbe 7f
    mov %al, 1(%rdi)
7:  mov %r9, %rax
    ret
    .section .note.GNU-stack, "", @progbits
