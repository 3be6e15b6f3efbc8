// The vDSO's way to the kernel when it cannot answer itself.
#pragma once

inline long vdso_syscall(long number, long a, long b) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}
