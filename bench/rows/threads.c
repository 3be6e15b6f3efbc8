// Threads of one process, and futexes.
#include <linux/futex.h>
#include <pthread.h>

#include "bench/rows/rows.h"

static void* nothing(void* argument) { return argument; }

ROW("thread: create+join") {
    MEASURE(20) {
        pthread_t thread;
        require(pthread_create(&thread, NULL, nothing, NULL) == 0);
        require(pthread_join(thread, NULL) == 0);
    }
}

static int turn;

static void give_to(int whose) {
    __atomic_store_n(&turn, whose, __ATOMIC_RELEASE);
    check(syscall(SYS_futex, &turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
}

static void wait_for(int whose) {
    int now_it_is;
    while ((now_it_is = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != whose)
        if (syscall(SYS_futex, &turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, now_it_is, NULL, NULL, 0) < 0 && errno != EAGAIN)
            check(-1);
}

static void* answers(void* argument) {
    while (1) {
        wait_for(1);
        give_to(0);
    }
    return argument;
}

ROW("thread: futex wake and wait, round trip") {
    pthread_t thread;
    require(pthread_create(&thread, NULL, answers, NULL) == 0);
    MEASURE(100) {
        give_to(1);
        wait_for(0);
    }
    fflush(stdout);
}

ROW("thread: futex wake, nobody waits") {
    static int word;
    MEASURE(500) check(syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
}

ROW("thread: gettid") { MEASURE(500) call3(SYS_gettid, 0, 0, 0); }
