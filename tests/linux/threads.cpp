// qemu-user: knows no robust mutexes
// Threads: creation, mutexes and condition variables (futexes), thread-local storage, exit of a thread and of all,
// robust and error-checking mutexes, barriers, signals to one thread, exec from a thread.
#include "tests/linux/check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

namespace {
constexpr int thread_count = 8;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
long total, turn;
thread_local long own;

void* adds(void*) {
    for (int i = 0; i < 20'000; i++) {
        pthread_mutex_lock(&mutex);
        total++;
        pthread_mutex_unlock(&mutex);
        own++;
    }
    return reinterpret_cast<void*>(own);
}

void* takes_turns(void* argument) {
    long self = reinterpret_cast<long>(argument);
    for (int round = 0; round < 50; round++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != self) pthread_cond_wait(&changed, &mutex);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return nullptr;
}

void sharing() {
    pthread_t threads[thread_count];
    for (auto& t : threads) CHECK(pthread_create(&t, nullptr, adds, nullptr) == 0);
    for (auto t : threads) {
        void* result;
        CHECK(pthread_join(t, &result) == 0 && reinterpret_cast<long>(result) == 20'000);
    }
    CHECK(total == 20'000 * thread_count && own == 0);
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], nullptr, takes_turns, reinterpret_cast<void*>(i));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], nullptr);
    CHECK(turn == 200);
    for (int i = 0; i < 300; i++) {
        pthread_t t;
        CHECK(pthread_create(&t, nullptr, [](void*) -> void* { return nullptr; }, nullptr) == 0);
        CHECK(pthread_join(t, nullptr) == 0);
    }
}

void futexes() {
    unsigned word = 5;
    void* none = mmap(nullptr, 4096, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FAILS(EFAULT, syscall(SYS_futex, none, 1, 1, nullptr, nullptr, 0)); // FUTEX_WAKE of a shared word
    FAILS(EAGAIN, syscall(SYS_futex, &word, FUTEX_WAIT, 4, nullptr));
    timespec brief = {0, 20'000'000};
    FAILS(ETIMEDOUT, syscall(SYS_futex, &word, FUTEX_WAIT, 5, &brief));
    CHECK(syscall(SYS_futex, &word, FUTEX_WAKE, 1) == 0);
    FAILS(EINVAL, syscall(SYS_futex, reinterpret_cast<char*>(&word) + 1, FUTEX_WAIT, 5, nullptr));
    FAILS(EFAULT, syscall(SYS_futex, 4096, FUTEX_WAIT, 5, nullptr));
    FAILS(ENOSYS, syscall(SYS_futex, &word, 99, 5, nullptr));
    // Between processes, through shared memory.
    auto* shared =
        static_cast<unsigned*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t child = fork();
    if (child == 0) {
        while (__atomic_load_n(shared, __ATOMIC_ACQUIRE) == 0) syscall(SYS_futex, shared, FUTEX_WAIT, 0, nullptr);
        _exit(static_cast<int>(*shared));
    }
    usleep(20'000);
    __atomic_store_n(shared, 9, __ATOMIC_RELEASE);
    syscall(SYS_futex, shared, FUTEX_WAKE, 100);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9);
}

void mutex_kinds() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t m;
    pthread_mutex_init(&m, &attributes);
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK && pthread_mutex_unlock(&m) == 0);
    CHECK(pthread_mutex_unlock(&m) == EPERM);
    // The owner of a robust mutex dies: the next one is told.
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_NORMAL);
    CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
    pthread_mutex_init(&m, &attributes);
    pthread_t t;
    pthread_create(
        &t, nullptr,
        [](void* p) -> void* {
            pthread_mutex_lock(static_cast<pthread_mutex_t*>(p));
            return nullptr;
        },
        &m);
    pthread_join(t, nullptr);
    CHECK(pthread_mutex_lock(&m) == EOWNERDEAD && pthread_mutex_consistent(&m) == 0 && pthread_mutex_unlock(&m) == 0);
    sem_t semaphore;
    CHECK(sem_init(&semaphore, 0, 2) == 0 && sem_wait(&semaphore) == 0 && sem_trywait(&semaphore) == 0);
    FAILS(EAGAIN, sem_trywait(&semaphore));
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_nsec += 20'000'000;
    if (now.tv_nsec >= 1'000'000'000) {
        now.tv_nsec -= 1'000'000'000;
        now.tv_sec++;
    }
    FAILS(ETIMEDOUT, sem_timedwait(&semaphore, &now));
}

volatile pid_t handled_by;

void signals_to_threads() {
    signal(SIGUSR1, [](int) { handled_by = static_cast<pid_t>(syscall(SYS_gettid)); });
    static volatile pid_t tid;
    static volatile bool done;
    pthread_t t;
    pthread_create(
        &t, nullptr,
        [](void*) -> void* {
            tid = static_cast<pid_t>(syscall(SYS_gettid));
            while (!done) usleep(1000);
            return nullptr;
        },
        nullptr);
    while (!tid) usleep(1000);
    CHECK(tid != getpid() && pthread_kill(t, SIGUSR1) == 0);
    CHECK(eventually([] { return handled_by != 0; }) && handled_by == tid);
    CHECK(syscall(SYS_tgkill, getpid(), tid, 0) == 0);
    FAILS(ESRCH, syscall(SYS_tgkill, getpid(), 1, 0));
    // With the signal blocked in this thread, the process's signal goes to the other.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    handled_by = 0;
    kill(getpid(), SIGUSR1);
    CHECK(eventually([] { return handled_by != 0; }) && handled_by == tid);
    done = true;
    pthread_join(t, nullptr);
}

void ends() {
    int status;
    pid_t child = fork();
    if (child == 0) { // exit_group from a thread ends all
        pthread_t t;
        pthread_create(&t, nullptr, [](void*) -> void* { _exit(21); }, nullptr);
        for (;;) pause();
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 21);
    child = fork();
    if (child == 0) { // the first thread leaves, the process lives on until the last
        pthread_t t;
        pthread_create(
            &t, nullptr,
            [](void*) -> void* {
                usleep(50'000);
                _exit(22);
            },
            nullptr);
        pthread_exit(nullptr);
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 22);
    child = fork();
    if (child == 0) { // exec from a thread: the process keeps its number, the other threads end
        pthread_t t;
        pthread_create(
            &t, nullptr,
            [](void*) -> void* {
                char self[] = "/proc/self/exe", again[] = "pid", number[20];
                snprintf(number, sizeof number, "%d", getpid());
                char* args[] = {again, number, nullptr};
                execv(self, args);
                _exit(1);
            },
            nullptr);
        for (;;) pause();
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 23);
    child = fork();
    if (child == 0) { // a fatal signal in one thread ends all
        pthread_t t;
        pthread_create(
            &t, nullptr,
            [](void*) -> void* {
                signal(SIGABRT, SIG_DFL);
                abort();
            },
            nullptr);
        for (;;) pause();
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
} // namespace

int main(int argc, char** argv) {
    if (argc > 1) return atoi(argv[1]) == getpid() ? 23 : 1;
    sharing();
    futexes();
    mutex_kinds();
    signals_to_threads();
    ends();
    return finish("threads");
}
