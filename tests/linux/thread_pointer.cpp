// only: x86_64
// Bases of segments are loaded by instructions of the kernel that fault on an address that is not canonical: no call
// takes one beyond user space.
#include "tests/linux/check.h"
#include <asm/prctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace {
constexpr unsigned long top = 0x7fff'ffff'f000;
constexpr unsigned long beyond[] = {top, 0x8000'0000'0000, 0x8000'0000'0000'0000, 0xffff'8000'0000'0000, ~0ul};

/// Without the C library, which the child could not use. The child ends at once.
long start_by(long number, long a, long b, long c = 0, long d = 0, long e = 0) {
    register long r10 asm("r10") = d, r8 asm("r8") = e;
    long result = number;
    asm volatile("syscall\n"
                 "test %%rax, %%rax\n"
                 "jnz 1f\n"
                 "mov %[exit], %%eax\n"
                 "mov $7, %%edi\n"
                 "syscall\n"
                 "1:"
                 : "+a"(result)
                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), [exit] "i"(SYS_exit)
                 : "rcx", "r11", "memory");
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
}
long clone_with(unsigned long tls) {
    return start_by(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, static_cast<long>(tls));
}
long clone3_with(unsigned long tls) {
    clone_args args{};
    args.flags = CLONE_SETTLS;
    args.exit_signal = SIGCHLD;
    args.tls = tls;
    return start_by(SYS_clone3, reinterpret_cast<long>(&args), sizeof args);
}
bool ends_well(long child) {
    int status = 0;
    return child > 0 && waitpid(static_cast<pid_t>(child), &status, 0) == child && WEXITSTATUS(status) == 7;
}
} // namespace

int main() {
    for (unsigned long base : beyond) {
        FAILS(EPERM, clone_with(base));
        FAILS(EPERM, clone3_with(base));
        FAILS(EPERM, syscall(SYS_arch_prctl, ARCH_SET_FS, base));
        FAILS(EPERM, syscall(SYS_arch_prctl, ARCH_SET_GS, base));
    }
    FAILS(ECHILD, waitpid(-1, nullptr, 0));
    // The last address of user space is one, mapped or not.
    CHECK(ends_well(clone_with(top - 1)));
    CHECK(ends_well(clone3_with(top - 1)));
    return finish("thread_pointer");
}
