// qemu-user: makes frames of its own, and stops no process by itself
// Signal frames: the floating-point state of handlers and what sigreturn takes back, overflows of the alternate stack,
// calls that go on with what is left after SIGSTOP and SIGCONT.
#include "tests/linux/check.h"
#include <cstdint>
#include <initializer_list>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

namespace {
void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(signal, &action, nullptr) == 0);
}

/// How a child ended: 0..255, or 1000 and the signal.
int end_of(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) return -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#if defined(__x86_64__)
/// What a handler found, and what it shall do to its frame.
struct Found {
    uint64_t xmm[4];
    uint32_t mxcsr;
    uint16_t control, status, tag;
} found;
void (*change)(unsigned char* fpu);

struct [[gnu::packed]] Environment { // of fnstenv
    uint32_t control, status, tag, rest[4];
};

void look(int, siginfo_t*, void* context) {
    Environment environment;
    asm volatile("movq %%xmm0, %0; movq %%xmm7, %1; movq %%xmm8, %2; movq %%xmm15, %3; stmxcsr %4"
                 : "=m"(found.xmm[0]), "=m"(found.xmm[1]), "=m"(found.xmm[2]), "=m"(found.xmm[3]), "=m"(found.mxcsr));
    asm volatile("fnstenv %0" : "=m"(environment));
    found.control = static_cast<uint16_t>(environment.control);
    found.status = static_cast<uint16_t>(environment.status);
    found.tag = static_cast<uint16_t>(environment.tag);
    asm volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm8, %%xmm8" ::: "xmm0", "xmm8");
    if (change) change(reinterpret_cast<unsigned char*>(static_cast<ucontext_t*>(context)->uc_mcontext.fpregs));
}

/// The signal comes while registers and control words are unusual: xmm0 and xmm8 afterwards, and MXCSR, x87's control.
struct After {
    uint64_t xmm0, xmm8;
    uint32_t mxcsr;
    uint16_t control;
    double top;
};
After interrupt_computation() {
    static const uint64_t zero = 0x1111, seven = 0x7777, eight = 0x8888, fifteen = 0xffff;
    static const uint32_t odd_mxcsr = 0x7fc0, usual_mxcsr = 0x1f80; // towards zero, denormals are zero
    static const uint16_t odd_control = 0x0e7f;                     // 53 bits, towards zero
    After after{};
    long process = getpid(), number = SYS_kill;
    asm volatile(
        "movq %[zero], %%xmm0; movq %[seven], %%xmm7; movq %[eight], %%xmm8; movq %[fifteen], %%xmm15\n"
        "ldmxcsr %[odd_mxcsr]; fninit; fldcw %[odd_control]; fldpi; fldpi\n"
        "syscall\n"
        "movq %%xmm0, %[xmm0]; movq %%xmm8, %[xmm8]; stmxcsr %[mxcsr]; fnstcw %[control]; fstpl %[top]\n"
        "fninit; ldmxcsr %[usual]"
        : [xmm0] "=m"(after.xmm0), [xmm8] "=m"(after.xmm8), [mxcsr] "=m"(after.mxcsr), [control] "=m"(after.control),
          [top] "=m"(after.top), "+a"(number)
        : "D"(process), "S"(static_cast<long>(SIGUSR1)), [zero] "m"(zero), [seven] "m"(seven), [eight] "m"(eight),
          [fifteen] "m"(fifteen), [odd_mxcsr] "m"(odd_mxcsr), [odd_control] "m"(odd_control), [usual] "m"(usual_mxcsr)
        : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm8", "xmm15");
    return after;
}

void fresh_state_in_handlers() {
    handle(SIGUSR1, look);
    After after = interrupt_computation();
    for (uint64_t word : found.xmm) CHECK(word == 0);
    CHECK(found.mxcsr == 0x1f80 && found.control == 0x37f && (found.status & 0x3fff) == 0 && found.tag == 0xffff);
    CHECK(after.xmm0 == 0x1111 && after.xmm8 == 0x8888 && after.mxcsr == 0x7fc0 && after.control == 0x0e7f);
    CHECK(after.top > 3.14159 && after.top < 3.1416);
}

/// `edit` changes the FPU image of the frame; the registers after it, or how the process ended.
int ends_after(void (*edit)(unsigned char*)) {
    return end_of(start([&] {
        change = edit;
        interrupt_computation();
        return 7;
    }));
}

void frames_that_the_program_changed() {
    change = [](unsigned char* fpu) { fpu[160] = 0x42; }; // xmm0's first byte
    CHECK(interrupt_computation().xmm0 == 0x1142);
    // Without the mark the image is FXSAVE's: x87 and SSE are taken.
    change = [](unsigned char* fpu) { memset(fpu + 464, 0, 4), fpu[160] = 0x43; };
    CHECK(interrupt_computation().xmm0 == 0x1143);
    change = nullptr;

    constexpr int segv = 1000 + SIGSEGV;
    bool xsave = false;
    unsigned a = 1, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    xsave = c >> 27 & 1;
    if (!xsave) return;
    CHECK(ends_after([](unsigned char* fpu) { fpu[512 + 7] = 0x40; }) == segv);  // a component that does not exist
    CHECK(ends_after([](unsigned char* fpu) { fpu[512 + 15] = 0x80; }) == segv); // the compacted form
    CHECK(ends_after([](unsigned char* fpu) { fpu[512 + 16] = 1; }) == segv);    // reserved
    CHECK(ends_after([](unsigned char*) {}) == 7);
    // No image at all: the registers are fresh.
    handle(SIGUSR2,
           [](int, siginfo_t*, void* context) { static_cast<ucontext_t*>(context)->uc_mcontext.fpregs = nullptr; });
    CHECK(end_of(start([] {
              uint64_t xmm0 = 5;
              asm volatile("movq %[value], %%xmm0; syscall; movq %%xmm0, %[value]"
                           : [value] "+m"(xmm0)
                           : "a"(static_cast<long>(SYS_kill)), "D"(static_cast<long>(getpid())),
                             "S"(static_cast<long>(SIGUSR2))
                           : "rcx", "r11", "memory", "xmm0");
              return xmm0 == 0 ? 7 : 8;
          })) == 7);
    // Not on 64 bytes, in the kernel's half, not canonical, not mapped.
    static void* places[] = {nullptr, reinterpret_cast<void*>(0xffff800000000000),
                             reinterpret_cast<void*>(uint64_t{1} << 63), reinterpret_cast<void*>(4096)};
    static unsigned place;
    for (place = 0; place < 4; place++) {
        handle(SIGUSR2, [](int, siginfo_t*, void* context) {
            auto& fpu = static_cast<ucontext_t*>(context)->uc_mcontext.fpregs;
            alignas(64) static unsigned char copy[8192];
            if (place == 0) memcpy(copy + 8, fpu, 4096);
            fpu = static_cast<fpregset_t>(place == 0 ? copy + 8 : places[place]);
        });
        CHECK(end_of(start([] { return raise(SIGUSR2) ? 8 : 7; })) == segv);
    }
}

/// What a handler learns of an access to one of the kernel's addresses does not tell whether it is mapped.
void addresses_of_the_kernel() {
    static sigjmp_buf back;
    static volatile long error;
    handle(SIGSEGV, [](int, siginfo_t*, void* context) {
        error = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR];
        siglongjmp(back, 1);
    });
    for (uintptr_t address : {0xffff'8000'0000'0000, 0xffff'8880'0000'0000, 0xffff'ffff'8000'0000,
                              0xffff'ffff'8020'0000, 0xffff'ffff'ffff'e000}) {
        error = -1;
        if (sigsetjmp(back, 1) == 0) (void)*reinterpret_cast<volatile char*>(address);
        CHECK((error & 7) == 5); // by a program, of a page that is there
    }
    signal(SIGSEGV, SIG_DFL);
}
#else
void addresses_of_the_kernel() {}
void fresh_state_in_handlers() {}
void frames_that_the_program_changed() {}
#endif

// ---- the alternate stack

volatile int depth;
void nest(int signal, siginfo_t*, void*) {
    depth = depth + 1;
    if (depth > 1000) _exit(8); // wraps round
    // Little of the stack is used here: a handler that leaves it would be outside, where the next one begins at the
    // top.
    syscall(SYS_kill, getpid(), signal);
}

/// Handlers that interrupt each other until the alternate stack is full: SIGSEGV, not a frame over live ones.
void overflow_of_alternate_stack() {
    int status = end_of(start([] {
        constexpr size_t below = 32768; // can be written, too
        auto* area =
            static_cast<char*>(mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        stack_t stack = {};
        stack.ss_sp = area + below;
        stack.ss_size = 16384;
        if (sigaltstack(&stack, nullptr)) return 7;
        handle(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
        // A handler of SIGSEGV on the same stack has no room either.
        handle(SIGSEGV, [](int, siginfo_t*, void*) { _exit(6); }, SA_ONSTACK);
        raise(SIGUSR1);
        return 5;
    }));
    CHECK(status == 1000 + SIGSEGV);
}

// ---- stopped and continued

int64_t now_ms() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

enum Call { sleep_relative, sleep_with_rest, poll_nothing, futex_wait, futex_wait_until, calls };

/// Sleeps for `ms` in the call; what it returned, as an errno.
int wait_in(int call, int ms) {
    timespec time = {ms / 1000, ms % 1000 * 1'000'000}, left = {};
    int word = 0;
    long result = 0;
    switch (call) {
    case sleep_relative: result = nanosleep(&time, nullptr); break;
    case sleep_with_rest: result = syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &left); break;
    case poll_nothing: result = poll(nullptr, 0, ms); break;
    case futex_wait: result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, nullptr, 0); break;
    case futex_wait_until: {
        timespec end;
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += time.tv_sec + (end.tv_nsec + time.tv_nsec) / 1'000'000'000;
        end.tv_nsec = (end.tv_nsec + time.tv_nsec) % 1'000'000'000;
        result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &end, nullptr, -1);
        break;
    }
    }
    return result < 0 ? errno : 0;
}

/// Children wait for 2 s, but are stopped from 0.5 to 1.5 s. They must not begin anew when they go on.
void going_on_with_the_rest() {
    constexpr int whole = 2000;
    auto* continued =
        static_cast<volatile int64_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t children[calls];
    for (int call = 0; call < calls; call++)
        children[call] = start([=] {
            int64_t begin = now_ms();
            int error = wait_in(call, whole);
            int64_t end = now_ms();
            if (!*continued) return 7; // a busy machine: over before it was stopped
            if (error == (call >= futex_wait ? ETIMEDOUT : 0) && end - begin >= whole && end - *continued < whole)
                return 7;
            printf("call %d: errno %d after %d ms, %d after SIGCONT\n", call, error, static_cast<int>(end - begin),
                   static_cast<int>(end - *continued));
            return 8;
        });
    for (pid_t child : children) until_asleep(child);
    usleep(400'000);
    for (pid_t child : children) kill(child, SIGSTOP);
    usleep(1'000'000);
    *continued = now_ms();
    for (pid_t child : children) kill(child, SIGCONT);
    for (pid_t child : children) CHECK(end_of(child) == 7);
}

/// With a handler for SIGCONT the call ends with EINTR.
void interrupted_by_the_handler_of_sigcont() {
    handle(SIGCONT, [](int, siginfo_t*, void*) {}, SA_RESTART);
    for (int call = 0; call < calls; call++) {
        pid_t child = start([=] { return wait_in(call, 5000); });
        until_asleep(child);
        int status;
        kill(child, SIGSTOP);
        CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
        kill(child, SIGCONT);
        CHECK(end_of(child) == EINTR);
    }
    signal(SIGCONT, SIG_DFL);
    FAILS(EINTR, syscall(SYS_restart_syscall)); // nothing is left to go on with
}
} // namespace

int main() {
    fresh_state_in_handlers();
    frames_that_the_program_changed();
    addresses_of_the_kernel();
    overflow_of_alternate_stack();
    going_on_with_the_rest();
    interrupted_by_the_handler_of_sigcont();
    return finish("frames");
}
