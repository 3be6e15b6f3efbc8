// What the rows of the bench share. A row is a function that sets up, measures one operation, and returns:
//
//     ROW("read 1 byte of /dev/zero") {
//         char byte;
//         int zero = check(open("/dev/zero", O_RDONLY));
//         MEASURE(1000) check(read(zero, &byte, 1));
//     }
//
// Each row runs in a process of its own (main.c). Costs are guest instructions, of user and kernel mode together.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct Row {
    const char* name;
    void (*run)(void);
    void (*run_with)(int); ///< instead, for GROWTH
    int most;              ///< of what it grows with
};

#define ROW_JOIN_(a, b) a##b
#define ROW_NAME_(a, b) ROW_JOIN_(a, b)
#define ENTRY_(...)                                                                                                    \
    __attribute__((used, retain, section("rows"))) static const struct Row ROW_NAME_(entry_, __LINE__) = {__VA_ARGS__}
#define ROW(name)                                                                                                      \
    static void ROW_NAME_(row_, __LINE__)(void);                                                                       \
    ENTRY_(name, ROW_NAME_(row_, __LINE__), NULL, 0);                                                                  \
    static void ROW_NAME_(row_, __LINE__)(void)
/// A row for each of 1, 10, 100, ... up to `most` of something; its body gets the number as `n`.
#define GROWTH(name, most)                                                                                             \
    static void ROW_NAME_(row_, __LINE__)(int n);                                                                      \
    ENTRY_(name, NULL, ROW_NAME_(row_, __LINE__), most);                                                               \
    static void ROW_NAME_(row_, __LINE__)(int n)

/// Guest instructions so far. QEMU's -icount shift=0 makes an instruction a nanosecond: x86_64's time-stamp counter
/// then counts instructions; riscv64's time ticks once in a hundred.
static inline uint64_t now(void) {
#if defined(__x86_64__)
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
#else
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks)::"memory");
    return ticks * 100;
#endif
}

/// Instructions without effect that tell bench/profile where the measured part begins and ends.
#if defined(__x86_64__)
#define MARK_BEGIN() __asm__ volatile("nopl 0x42656e01(%%rax)" ::: "memory")
#define MARK_END() __asm__ volatile("nopl 0x42656e02(%%rax)" ::: "memory")
#else
#define MARK_BEGIN() __asm__ volatile("lui zero, 0x42e01" ::: "memory")
#define MARK_END() __asm__ volatile("lui zero, 0x42e02" ::: "memory")
#endif

enum { BATCHES = 11 }; ///< that count; one more warms up
extern int batches_wanted;
void batch_end(int batch, uint64_t took, uint64_t operations);

extern int in_row; ///< 0 while the empty loop is measured

static inline uint64_t batch_begin(int batch) {
    if (batch && in_row) MARK_BEGIN();
    return now();
}

/// Runs what follows `n` times a batch and reports the median batch's cost of one time.
#define MEASURE(n)                                                                                                     \
    for (int batch_ = 0; batch_ <= batches_wanted; ++batch_)                                                           \
        for (uint64_t once_ = 1, left_ = (n), start_ = batch_begin(batch_); once_;                                     \
             once_ = 0, batch_end(batch_, now() - start_, (n)))                                                        \
            for (; left_; --left_)

/// For operations of many million instructions: three batches are enough.
static inline void few_batches(void) { batches_wanted = 3; }

/// The cost reported is that of one of `units` equal parts of the operation, such as a KiB of a transfer.
void divide_by(double units);

/// For a row that counts something else than instructions: its result, instead of MEASURE.
void report(double value);

/// Free memory of the machine, in bytes.
double memory_free(void);

/// Ends the row with an error, or with "not yet" when errno says that the subsystem does not exist.
_Noreturn void failed(const char* what, const char* file, int line);
/// Ends the row with an error that has nothing to do with errno.
_Noreturn void wrong(const char* what);

#define check(expression)                                                                                              \
    ({                                                                                                                 \
        __typeof__(expression) result_ = (expression);                                                                 \
        if (__builtin_expect((long)result_ == -1, 0)) failed(#expression, __FILE__, __LINE__);                         \
        result_;                                                                                                       \
    })
#define require(condition)                                                                                             \
    do                                                                                                                 \
        if (__builtin_expect(!(condition), 0)) wrong(#condition);                                                      \
    while (0)

/// A system call without the C library's part.
static inline long call3(long number, long a, long b, long c) {
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

/// Ends the row: it is not measured here, on purpose.
_Noreturn void leave_out(const char* why);

/// Waits for a child and requires its status to be 0.
void reap(pid_t child);
/// Writes one byte, reads one byte.
static inline void put(int file) { check(write(file, "", 1)); }
static inline void get(int file) {
    char byte;
    require(read(file, &byte, 1) == 1);
}
/// Passes a byte on for each that comes, until there are no more: what a row's other process does.
_Noreturn static inline void relay(int from, int to) {
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {}
    _exit(0);
}
