// qemu-user: counts CPU time and overruns its own way
// Timers and the signals they leave: overruns, signals that are blocked, ignored or already pending, timers that nobody
// hears of, timers of CPU clocks.
#include "tests/linux/check.h"
#include <initializer_list>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

namespace {
constexpr long ms = 1'000'000;

int create(int clock, int notify, int number) {
    sigevent how{};
    how.sigev_notify = notify;
    how.sigev_signo = number;
    how.sigev_notify_thread_id = static_cast<int>(syscall(SYS_gettid));
    int id = -1;
    CHECK(syscall(SYS_timer_create, clock, &how, &id) == 0);
    return id;
}
void set(int id, long first_ns, long interval_ns) {
    itimerspec to{{interval_ns / 1'000'000'000, interval_ns % 1'000'000'000},
                  {first_ns / 1'000'000'000, first_ns % 1'000'000'000}};
    CHECK(syscall(SYS_timer_settime, id, 0, &to, nullptr) == 0);
}
itimerspec get(int id) {
    itimerspec now{};
    CHECK(syscall(SYS_timer_gettime, id, &now) == 0);
    return now;
}
long overrun(int id) { return syscall(SYS_timer_getoverrun, id); }
void remove(int id) { CHECK(syscall(SYS_timer_delete, id) == 0); }

sigset_t only(std::initializer_list<int> numbers) {
    sigset_t set;
    sigemptyset(&set);
    for (int n : numbers) sigaddset(&set, n);
    return set;
}
void block(std::initializer_list<int> numbers) {
    sigset_t set = only(numbers);
    sigprocmask(SIG_BLOCK, &set, nullptr);
}
bool pending(int number) {
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, number);
}
/// Takes the signal; 0: none came in so many milliseconds.
int take(int number, long wait_ms, siginfo_t* info = nullptr) {
    sigset_t set = only({number});
    timespec limit{wait_ms / 1000, wait_ms % 1000 * ms};
    int got = sigtimedwait(&set, info, &limit);
    return got < 0 ? 0 : got;
}
void use_cpu(long use_ms, int clock = CLOCK_PROCESS_CPUTIME_ID) {
    timespec t;
    clock_gettime(clock, &t);
    long until = t.tv_sec * 1000 * ms + t.tv_nsec + use_ms * ms;
    do {
        for (volatile int i = 0; i < 20'000; i = i + 1) {} // in user mode
        clock_gettime(clock, &t);
    } while (t.tv_sec * 1000 * ms + t.tv_nsec < until);
}

/// An interval is one signal, whose overruns are counted when it is taken; then the timer goes on.
void overruns() {
    block({SIGRTMIN});
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN);
    set(id, 1, 1);
    usleep(20'000);
    siginfo_t info{};
    CHECK(take(SIGRTMIN, 1000, &info) == SIGRTMIN);
    CHECK(info.si_code == SI_TIMER);
    CHECK(info.si_overrun > 10'000'000 && overrun(id) == info.si_overrun);
    CHECK(take(SIGRTMIN, 1000) == SIGRTMIN);
    set(id, 0, 0);
    CHECK(take(SIGRTMIN, 10) == 0); // what was pending is not delivered any more
    set(id, 5 * ms, 0);
    usleep(20'000);
    CHECK(get(id).it_value.tv_nsec == 0);
    CHECK(take(SIGRTMIN, 1000, &info) == SIGRTMIN && info.si_overrun == 0);
    set(id, 1, 1);
    usleep(2000);
    remove(id);
    CHECK(take(SIGRTMIN, 10) == 0);
}

/// A signal that is ignored costs nothing; once it is not, the timer goes on.
void ignored() {
    signal(SIGRTMIN + 1, SIG_IGN);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1);
    set(id, ms, ms);
    usleep(20'000);
    static volatile int calls, lost, timer;
    timer = id;
    signal(SIGRTMIN + 1, [](int) {
        if (calls == 0) lost = overrun(timer); // a later one may have come in time
        calls = calls + 1;
    });
    CHECK(eventually([] { return calls > 0; }));
    CHECK(lost > 0);
    signal(SIGRTMIN + 1, SIG_IGN);
    remove(id);
}

/// The timer's own information comes although the signal is pending already; that of setitimer joins what is there.
void already_pending() {
    block({SIGUSR1, SIGALRM});
    kill(getpid(), SIGUSR1);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
    set(id, ms, 0);
    usleep(10'000);
    siginfo_t info{};
    CHECK(take(SIGUSR1, 0, &info) == SIGUSR1 && info.si_code == SI_USER);
    CHECK(take(SIGUSR1, 0, &info) == SIGUSR1 && info.si_code == SI_TIMER);
    CHECK(take(SIGUSR1, 0) == 0);
    remove(id);

    kill(getpid(), SIGALRM);
    itimerval soon{{0, 2000}, {0, 1000}};
    setitimer(ITIMER_REAL, &soon, nullptr);
    usleep(10'000);
    CHECK(take(SIGALRM, 0, &info) == SIGALRM && info.si_code == SI_USER);
    CHECK(take(SIGALRM, 1000, &info) == SIGALRM); // it goes on
    CHECK(take(SIGALRM, 1000, &info) == SIGALRM);
    itimerval now{}, none{};
    usleep(10'000);
    CHECK(getitimer(ITIMER_REAL, &now) == 0 && now.it_interval.tv_usec == 2000);
    setitimer(ITIMER_REAL, &none, nullptr);
    CHECK(take(SIGALRM, 0) == SIGALRM && take(SIGALRM, 10) == 0); // what was sent stays
}

/// Nobody hears of SIGEV_NONE, but its time runs.
void unheard() {
    int id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0);
    set(id, 5 * ms, 1000 * ms);
    usleep(10'000);
    itimerspec now = get(id);
    CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_sec == 0 && now.it_interval.tv_sec == 1);
    CHECK(overrun(id) == 0);
    set(id, ms, 0);
    usleep(5000);
    CHECK(get(id).it_value.tv_nsec == 0);
    remove(id);
}

/// CPU clocks stand still while the process sleeps.
void cpu_clocks() {
    block({SIGRTMIN + 2, SIGVTALRM, SIGPROF});
    int process = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 2);
    set(process, 30 * ms, 30 * ms);
    usleep(100'000);
    CHECK(!pending(SIGRTMIN + 2));
    use_cpu(100);
    siginfo_t info{};
    CHECK(take(SIGRTMIN + 2, 0, &info) == SIGRTMIN + 2 && info.si_overrun >= 1);
    set(process, 0, 0);

    int thread = create(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 2);
    set(thread, 50 * ms, 0);
    pthread_t other;
    pthread_create(
        &other, nullptr, [](void*) -> void* { return use_cpu(100, CLOCK_THREAD_CPUTIME_ID), nullptr; }, nullptr);
    pthread_join(other, nullptr);
    CHECK(!pending(SIGRTMIN + 2)); // that was another thread's time
    use_cpu(100, CLOCK_THREAD_CPUTIME_ID);
    CHECK(take(SIGRTMIN + 2, 0) == SIGRTMIN + 2);
    remove(thread);

    itimerval soon{{0, 20'000}, {0, 20'000}};
    CHECK(setitimer(ITIMER_VIRTUAL, &soon, nullptr) == 0 && setitimer(ITIMER_PROF, &soon, nullptr) == 0);
    use_cpu(80);
    CHECK(take(SIGVTALRM, 0) == SIGVTALRM && take(SIGPROF, 0) == SIGPROF);
    use_cpu(80);
    CHECK(take(SIGVTALRM, 0) == SIGVTALRM && take(SIGPROF, 0) == SIGPROF);
    itimerval none{};
    setitimer(ITIMER_VIRTUAL, &none, nullptr);
    setitimer(ITIMER_PROF, &none, nullptr);
    remove(process);
}

/// Timers of all kinds expire, nobody takes their signals, and the process ends.
void pending_at_the_end() {
    for (int kind : {0, 1, 2, 4, 5}) {
        pid_t child = start([&] {
            sigset_t all;
            sigfillset(&all);
            sigprocmask(SIG_BLOCK, &all, nullptr);
            if (kind <= ITIMER_PROF) {
                itimerval soon{{0, 1000}, {0, 1000}};
                setitimer(kind, &soon, nullptr);
            } else
                set(create(CLOCK_MONOTONIC, kind == 4 ? SIGEV_SIGNAL : SIGEV_THREAD_ID, SIGUSR1), ms, ms);
            use_cpu(30);
            sigpending(&all);
            int n = 0;
            for (int s = 1; s < 65; s++) n += sigismember(&all, s) == 1;
            return n;
        });
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && status == 1 << 8);
    }
}

/// A signal that the kernel sends to a whole group says so: nothing but the number is known of it.
void from_the_kernel() {
    block({SIGHUP, SIGCONT});
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t leader = start([&] {
        setpgid(0, 0);
        pid_t member = fork();
        if (member == 0) { // stops, and loses its parent
            raise(SIGSTOP);
            siginfo_t info{};
            int code = take(SIGHUP, 10'000, &info) == SIGHUP ? info.si_code : -1;
            (void)!write(ends[1], &code, sizeof code);
            _exit(0);
        }
        CHECK(waitpid(member, nullptr, WUNTRACED) == member);
    });
    CHECK(waitpid(leader, nullptr, 0) == leader);
    int code = 0;
    CHECK(read(ends[0], &code, sizeof code) == sizeof code && code == SI_KERNEL);
}
} // namespace

int main() {
    overruns();
    ignored();
    already_pending();
    unheard();
    cpu_clocks();
    pending_at_the_end();
    from_the_kernel();
    return finish("timer_signals");
}
