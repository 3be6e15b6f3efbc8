/* Reads the time counter in its very first instruction, prints it, and ends: see tests/measure.py. */
static long call(long number, long a, long b, long c) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#else
    register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
#endif
}
#if defined(__x86_64__)
enum { number_write = 1, number_exit = 231 };
__asm__(".globl _start\n_start: rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rdi\n and $-16, %rsp\n call report\n");
#else
enum { number_write = 64, number_exit = 94 };
__asm__(".globl _start\n_start: rdtime a0\n andi sp, sp, -16\n call report\n");
#endif
void report(unsigned long counter) {
    char text[40], *p = text + sizeof text;
    *--p = '\n';
    do *--p = (char)('0' + counter % 10);
    while (counter /= 10);
    const char* label = "counter ";
    for (int i = 8; i-- > 0;) *--p = label[i];
    call(number_write, 1, (long)p, text + sizeof text - p);
    call(number_exit, 0, 0, 0);
}
