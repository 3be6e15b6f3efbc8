// x86_64's second instruction for system calls: int 0x80 takes syscall's numbers and registers here, not the 32-bit ABI
// that Linux has behind it, so Linux cannot be the oracle: `syscall` is.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

namespace {
struct Answer {
    long result;
    unsigned long rcx, r11; // int 0x80 keeps them; syscall does not
};
constexpr unsigned long kept_rcx = 0x1234'5678'9abc'def0, kept_r11 = 0xfedc'ba98'7654'3210;

Answer int80(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    register unsigned long r11 asm("r11") = kept_r11;
    unsigned long rcx = kept_rcx;
    asm volatile("int $0x80"
                 : "+a"(number), "+c"(rcx), "+r"(r11)
                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "memory");
    return {number, rcx, r11};
}
bool kept(const Answer& a) { return a.rcx == kept_rcx && a.r11 == kept_r11; }

void same_answers() {
    CHECK(int80(SYS_getpid).result == getpid() && kept(int80(SYS_getpid)));
    CHECK(int80(100'000).result == -ENOSYS && kept(int80(100'000)));
    CHECK(int80(static_cast<long>(1UL << 63)).result == -ENOSYS);
    CHECK(int80(SYS_close, -1).result == -EBADF);
    CHECK(int80(SYS_write, 1, 8, 1).result == -EFAULT);
    CHECK(int80(SYS_write, 1, static_cast<long>(0xffff'8000'0000'0000), 1).result == -EFAULT);
    // All six arguments arrive.
    int file = open("/proc/self/exe", O_RDONLY);
    auto at = int80(SYS_mmap, 0, 8192, PROT_READ, MAP_PRIVATE, file, 4096).result;
    char byte;
    CHECK(at > 0 && pread(file, &byte, 1, 4096) == 1 && *reinterpret_cast<char*>(at) == byte);
    CHECK(int80(SYS_munmap, at, 8192).result == 0);
    close(file);
}

volatile sig_atomic_t signals;
void note(int) { signals = signals + 1; }

/// A read that a signal interrupts: begun again or not, as the action says.
void interrupted(int flags) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = flags;
    CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
    signals = 0;
    pid_t reader = getpid();
    pid_t child = start([&] {
        CHECK(until_asleep(reader));
        kill(reader, SIGUSR1);
        if (flags & SA_RESTART) CHECK(until_asleep(reader) && write(ends[1], "x", 1) == 1);
        return failures;
    });
    char byte = 0;
    Answer a = int80(SYS_read, ends[0], reinterpret_cast<long>(&byte), 1);
    if (flags & SA_RESTART)
        CHECK(a.result == 1 && byte == 'x');
    else
        CHECK(a.result == -EINTR);
    CHECK(signals == 1 && kept(a));
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(ends[0]);
    close(ends[1]);
}

void processes() {
    auto child = static_cast<pid_t>(int80(SYS_fork).result);
    if (child == 0) {
        int80(SYS_exit_group, 42);
        _exit(1);
    }
    int status = 0;
    CHECK(int80(SYS_wait4, child, reinterpret_cast<long>(&status)).result == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

/// Both instructions in turn, while a timer's signals come between any two of them.
void mixed() {
    struct sigaction action = {};
    action.sa_handler = note;
    CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
    itimerval often = {{0, 1000}, {0, 1000}};
    signals = 0;
    CHECK(setitimer(ITIMER_REAL, &often, nullptr) == 0);
    long wrong = 0, parent = getppid();
    for (int round = 0; round < 2'000'000 && signals < 100; round++) {
        Answer a = int80(SYS_getppid);
        wrong += a.result != parent || !kept(a) || syscall(SYS_getppid) != parent;
    }
    CHECK(wrong == 0 && signals > 0);
    often = {};
    CHECK(setitimer(ITIMER_REAL, &often, nullptr) == 0);
}
} // namespace

int main() {
    same_answers();
    interrupted(SA_RESTART);
    interrupted(0);
    processes();
    mixed();
    return finish("gates");
}
