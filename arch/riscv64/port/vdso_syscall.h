// The vDSO's way to the kernel when it cannot answer itself.
#pragma once

inline long vdso_syscall(long number, long a, long b) {
    register long a0 asm("a0") = a;
    register long a1 asm("a1") = b;
    register long a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
    return a0;
}
