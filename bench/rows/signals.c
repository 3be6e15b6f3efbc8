// Signals: installed, blocked, sent, delivered, and returned from.
#include <signal.h>

#include "bench/rows/rows.h"

static volatile sig_atomic_t handled;
static void handler(int number) { handled = number; }

static void install(int number) {
    struct sigaction action = {.sa_handler = handler};
    check(sigaction(number, &action, NULL));
}

ROW("signal: install a handler") { MEASURE(200) install(SIGUSR1); }

ROW("signal: block and unblock") {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MEASURE(200) {
        check(sigprocmask(SIG_BLOCK, &set, NULL));
        check(sigprocmask(SIG_UNBLOCK, &set, NULL));
    }
}

ROW("signal: kill itself, deliver, return") {
    install(SIGUSR1);
    pid_t self = getpid();
    MEASURE(200) {
        handled = 0;
        check(kill(self, SIGUSR1));
        require(handled == SIGUSR1);
    }
}

static char* guarded;
static void step_over(int number, siginfo_t* info, void* context) {
    ucontext_t* at = context;
    (void)number, (void)info;
    handled = 1;
#if defined(__x86_64__)
    at->uc_mcontext.gregs[REG_RIP] += 2;
#else
    at->uc_mcontext.__gregs[0] += 4;
#endif
}

ROW("signal: SIGSEGV, deliver, return behind it") {
    struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};
    check(sigaction(SIGSEGV, &action, NULL));
    guarded = (char*)64; // in the page that is never mapped
    MEASURE(100) {
        handled = 0;
#if defined(__x86_64__)
        __asm__ volatile("movb (%0), %%al" ::"D"(guarded) : "al", "memory"); // two bytes
#else
        __asm__ volatile(".option push\n.option norvc\nlb t0, 0(%0)\n.option pop" ::"r"(guarded) : "t0", "memory");
#endif
        require(handled);
    }
}

ROW("signal: to another process and back") {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    check(sigprocmask(SIG_BLOCK, &set, NULL));
    pid_t parent = getpid(), child = check(fork());
    int number;
    if (child == 0)
        while (sigwait(&set, &number) == 0 && kill(parent, SIGUSR1) == 0) {}
    MEASURE(50) {
        check(kill(child, SIGUSR1));
        require(sigwait(&set, &number) == 0);
    }
}
