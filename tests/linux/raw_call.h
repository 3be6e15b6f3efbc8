// A system call with nothing of the C library's around it.
#pragma once

/// Without the C library: some calls leave no thread pointer to keep errno at.
[[maybe_unused]] static long raw_call(long n, const long* a) {
    long result;
#if defined(__riscv)
    register long a0 asm("a0") = a[0];
    register long a1 asm("a1") = a[1];
    register long a2 asm("a2") = a[2];
    register long a3 asm("a3") = a[3];
    register long a4 asm("a4") = a[4];
    register long a5 asm("a5") = a[5];
    register long a7 asm("a7") = n;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    result = a0;
#else
    register long r10 asm("r10") = a[3];
    register long r8 asm("r8") = a[4];
    register long r9 asm("r9") = a[5];
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(n), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
#endif
    return result;
}
