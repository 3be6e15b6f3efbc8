// The instructions that touch user memory. A trap in one that a RECOVER range covers goes on at that range's label
// with the registers as they were (arch/common/fixups.h). SSTATUS.SUM is set only inside these functions.
#include "arch/riscv64/offsets.h"

.macro RECOVER start, end, label
    .pushsection .fixups, "a"
    .balign 4
    .word   \start - .
    .word   \end - .
    .word   \label - .
    .popsection
.endm

    .text
// usize user_copy(void* to, const void* from, usize n): the number of bytes that could not be copied.
    .globl user_copy
user_copy:
    li      t6, SSTATUS_SUM
    csrs    sstatus, t6
    li      t0, 16
    bltu    a2, t0, 5f               // short: byte by byte
    xor     t0, a0, a1
    andi    t0, t0, 7
    bnez    t0, 7f
1:  andi    t0, a0, 7                // both to a multiple of 8
    beqz    t0, 2f
    lb      t0, 0(a1)
    sb      t0, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, 1
    addi    a2, a2, -1
    j       1b
2:  addi    a2, a2, -64
    bltz    a2, 4f
3:  ld      t0, 0(a1)
    ld      t1, 8(a1)
    ld      t2, 16(a1)
    ld      t3, 24(a1)
    ld      a4, 32(a1)
    ld      a5, 40(a1)
    ld      a6, 48(a1)
    ld      a7, 56(a1)
    sd      t0, 0(a0)
    sd      t1, 8(a0)
    sd      t2, 16(a0)
    sd      t3, 24(a0)
    sd      a4, 32(a0)
    sd      a5, 40(a0)
    sd      a6, 48(a0)
    sd      a7, 56(a0)
    addi    a1, a1, 64
    addi    a0, a0, 64
    addi    a2, a2, -64
    bgez    a2, 3b
4:  addi    a2, a2, 56               // bytes left, minus 8
    bltz    a2, 41f
40: ld      t0, 0(a1)
    sd      t0, 0(a0)
    addi    a1, a1, 8
    addi    a0, a0, 8
    addi    a2, a2, -8
    bgez    a2, 40b
41: addi    a2, a2, 8
5:  beqz    a2, 6f
50: lb      t0, 0(a1)
    sb      t0, 0(a0)
    addi    a1, a1, 1
    addi    a0, a0, 1
    addi    a2, a2, -1
    bnez    a2, 50b
6:  csrc    sstatus, t6
    mv      a0, a2
    ret

// Alignments differ: whole words are read and shifted into place, since misaligned loads may trap to the firmware.
7:  andi    t0, a0, 7
    beqz    t0, 8f
    lb      t0, 0(a1)
    sb      t0, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, 1
    addi    a2, a2, -1
    j       7b
8:  addi    a2, a2, -16              // the word that holds the last byte is read whole, and is in the same page as it
    bltz    a2, 81f
    andi    t0, a1, 7
    sub     t5, a1, t0               // the aligned word
    slli    t1, t0, 3                // its first so many bits are not wanted
    li      t2, 64
    sub     t2, t2, t1
    ld      t3, 0(t5)
80: ld      t4, 8(t5)
    srl     t3, t3, t1
    sll     t0, t4, t2
    or      t0, t0, t3
    sd      t0, 0(a0)
    mv      t3, t4
    addi    t5, t5, 8
    addi    a1, a1, 8
    addi    a0, a0, 8
    addi    a2, a2, -8
    bgez    a2, 80b
81: addi    a2, a2, 16
    j       5b

// A fault in a loop of words: go on byte by byte from the last known place, to move all that can be moved.
recover_64: // a2 is 64 less than what is left
    addi    a2, a2, 64
    j       5b
recover_8:
    addi    a2, a2, 8
    j       5b
recover_16:
    addi    a2, a2, 16
    j       5b
    RECOVER 1b, 2b, 6b
    RECOVER 3b, 4b, recover_64
    RECOVER 40b, 41b, recover_8
    RECOVER 50b, 6b, 6b
    RECOVER 7b, 8b, 6b
    RECOVER 8b, 81b, recover_16

// usize user_clear(void* to, usize n): the number of bytes that could not be cleared.
    .globl user_clear
user_clear:
    li      t6, SSTATUS_SUM
    csrs    sstatus, t6
10: beqz    a1, 15f
    andi    t0, a0, 7
    beqz    t0, 11f
    sb      zero, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, -1
    j       10b
11: addi    a1, a1, -8
    bltz    a1, 13f
12: sd      zero, 0(a0)
    addi    a0, a0, 8
    addi    a1, a1, -8
    bgez    a1, 12b
13: addi    a1, a1, 8
    beqz    a1, 15f
14: sb      zero, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, -1
    bnez    a1, 14b
15: csrc    sstatus, t6
    mv      a0, a1
    ret
recover_clear:
    addi    a1, a1, 8
    j       14b
    RECOVER 10b, 11b, 15b
    RECOVER 12b, 13b, recover_clear
    RECOVER 14b, 15b, 15b

// i64 user_string(char* to, const char* from, usize n): the length without the null byte; n if there is none in the
// first n bytes; -1: fault.
    .globl user_string
user_string:
    li      t6, SSTATUS_SUM
    csrs    sstatus, t6
    mv      a4, a2                   // n
    add     a5, a1, a2               // the end
    or      t0, a0, a1
    andi    t0, t0, 7
    bnez    t0, 22f
    li      t1, 0x0101010101010101
    slli    t2, t1, 7                // 0x80 in each byte
20: addi    t3, a1, 8
    bltu    a5, t3, 22f
21: ld      t0, 0(a1)
    sub     t4, t0, t1
    not     t5, t0
    and     t4, t4, t5
    and     t4, t4, t2
    bnez    t4, 22f                  // a null byte among these 8
    sd      t0, 0(a0)
    mv      a1, t3
    addi    a0, a0, 8
    j       20b
22: beq     a1, a5, 24f
23: lb      t0, 0(a1)
    sb      t0, 0(a0)
    beqz    t0, 24f
    addi    a1, a1, 1
    addi    a0, a0, 1
    j       22b
24: csrc    sstatus, t6
    sub     a5, a5, a1               // bytes not reached
    sub     a0, a4, a5
    ret
25: csrc    sstatus, t6
    li      a0, -1
    ret
    RECOVER 21b, 22b, 22b
    RECOVER 23b, 24b, 25b

// struct { u64 value; u64 failed; } user_load(u32*), and so on: one aligned word. In a0 and a1.
.macro ONE_WORD name, instruction:vararg
    .globl  \name
\name:
    li      t6, SSTATUS_SUM
    mv      t0, a0
    mv      t1, a1
    csrs    sstatus, t6
30: \instruction
31: csrc    sstatus, t6
    li      a1, 0
    ret
32: csrc    sstatus, t6
    li      a1, 1
    ret
    RECOVER 30b, 31b, 32b
.endm
    ONE_WORD user_load, lw a0, 0(t0)
    ONE_WORD user_swap, amoswap.w.aqrl a0, t1, (t0)
    ONE_WORD user_add, amoadd.w.aqrl a0, t1, (t0)
    ONE_WORD user_or, amoor.w.aqrl a0, t1, (t0)
    ONE_WORD user_and, amoand.w.aqrl a0, t1, (t0)
    ONE_WORD user_xor, amoxor.w.aqrl a0, t1, (t0)

    .globl  user_compare_exchange    // (u32* at, u32 expected, u32 desired)
user_compare_exchange:
    li      t6, SSTATUS_SUM
    mv      t0, a0
    sext.w  a1, a1
    csrs    sstatus, t6
40: lr.w.aqrl a0, (t0)
    bne     a0, a1, 41f
    sc.w.aqrl t1, a2, (t0)
    bnez    t1, 40b
41: csrc    sstatus, t6
    li      a1, 0
    ret
42: csrc    sstatus, t6
    li      a1, 1
    ret
    RECOVER 40b, 41b, 42b

// struct { u64 value; u64 failed; } probe_load(const u64*): a word of kernel memory that may not be mapped.
    .globl  probe_load
probe_load:
50: ld      a0, 0(a0)
51: li      a1, 0
    ret
52: li      a1, 1
    ret
    RECOVER 50b, 51b, 52b

// The same struct read_seed(void): the CSR of Zkr; illegal where machine mode keeps it to itself.
    .globl  read_seed
read_seed:
53: csrrw   a0, 0x015, zero
54: li      a1, 0
    ret
55: li      a1, 1
    ret
    RECOVER 53b, 54b, 55b
