// System V semaphores: semget(2), semop(2), semctl(2).
// qemu-user: has System V IPC only in part
#include "tests/linux/check.h"
#include <initializer_list>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

namespace {
union Argument {
    int value;
    semid_ds* set;
    unsigned short* values;
    seminfo* info;
};

int made(int n, int flags = IPC_CREAT | 0600, key_t key = IPC_PRIVATE) {
    int id = semget(key, n, flags);
    CHECK(id >= 0);
    return id;
}
struct Op {
    int index, change, flags = 0;
};
int operate(int id, std::initializer_list<Op> list, const timespec* timeout = nullptr) {
    sembuf operations[600]{};
    size_t n = 0;
    for (Op o : list)
        operations[n++] = {static_cast<unsigned short>(o.index), static_cast<short>(o.change),
                           static_cast<short>(o.flags)};
    return static_cast<int>(CALL(semtimedop, id, operations, n, timeout));
}
int get(int id, int index, int command = GETVAL) { return semctl(id, index, command); }
int set(int id, int index, int value) { return semctl(id, index, SETVAL, Argument{.value = value}); }
void remove(int id) { CHECK(semctl(id, 0, IPC_RMID) == 0); }
semid_ds stat_of(int id) {
    semid_ds s{};
    CHECK(semctl(id, 0, IPC_STAT, Argument{.set = &s}) == 0);
    return s;
}

void getting() {
    constexpr key_t key = 0x53454d31;
    FAILS(EINVAL, semget(IPC_PRIVATE, 0, 0600));
    FAILS(EINVAL, semget(IPC_PRIVATE, -1, 0600));
    FAILS(EINVAL, semget(IPC_PRIVATE, 32'001, 0600));
    int id = made(3, IPC_CREAT | IPC_EXCL | 0604, key);
    FAILS(EINVAL, semget(key, 4, 0));
    CHECK(semget(key, 2, 0) == id && semget(key, 0, 0) == id);
    semid_ds s = stat_of(id);
    CHECK(s.sem_nsems == 3 && s.sem_otime == 0 && time(nullptr) - s.sem_ctime <= 10 && s.sem_perm.mode == 0604);
    unsigned short values[3] = {9, 9, 9};
    CHECK(semctl(id, 0, GETALL, Argument{.values = values}) == 0 && !values[0] && !values[1] && !values[2]);
    remove(id);
    FAILS(EINVAL, operate(id, {{0, 1}}));
    FAILS(EINVAL, semctl(id, 0, GETVAL));
}

void values() {
    int id = made(3);
    unsigned short some[3] = {1, 2, 3}, bad[3] = {1, 40'000, 3}, got[3];
    CHECK(semctl(id, 0, SETALL, Argument{.values = some}) == 0);
    FAILS(ERANGE, semctl(id, 0, SETALL, Argument{.values = bad}));
    CHECK(semctl(id, 0, GETALL, Argument{.values = got}) == 0 && !memcmp(got, some, sizeof some));
    CHECK(set(id, 1, 32'767) == 0 && get(id, 1) == 32'767 && get(id, 1, GETPID) == getpid());
    FAILS(ERANGE, set(id, 1, 32'768));
    FAILS(ERANGE, set(id, 1, -1));
    FAILS(EINVAL, set(id, 3, 1));
    FAILS(EINVAL, set(id, -1, 1));
    FAILS(EINVAL, get(id, 3));
    FAILS(EINVAL, semctl(id, 0, 99));
    FAILS(ERANGE, operate(id, {{1, 1}}));
    FAILS(EFAULT, semctl(id, 0, SETALL, Argument{.values = reinterpret_cast<unsigned short*>(8)}));
    remove(id);
}

void all_or_none() {
    int id = made(3);
    sembuf one{2, 1, 0};
    CHECK(semop(id, &one, 1) == 0 && get(id, 2) == 1);
    CHECK(operate(id, {{0, 2}, {1, 1}, {0, -1}}) == 0 && get(id, 0) == 1 && get(id, 1) == 1);
    FAILS(EAGAIN, operate(id, {{0, -1}, {1, -2, IPC_NOWAIT}}));
    CHECK(get(id, 0) == 1 && get(id, 1) == 1);
    CHECK(operate(id, {{0, -1}, {0, 0}, {0, 5}}) == 0 && get(id, 0) == 5); // zero in between
    FAILS(EAGAIN, operate(id, {{0, 0, IPC_NOWAIT}}));
    FAILS(EFBIG, operate(id, {{0, 1}, {3, 1}}));
    FAILS(EINVAL, CALL(semtimedop, id, nullptr, 0, nullptr));
    FAILS(E2BIG, CALL(semtimedop, id, nullptr, 501, nullptr));
    FAILS(EFAULT, CALL(semtimedop, id, 8, 1, nullptr));
    CHECK(get(id, 0) == 5 && stat_of(id).sem_otime != 0);
    timespec bad{0, 1'000'000'000}, short_time{0, 20'000'000};
    FAILS(EINVAL, operate(id, {{0, 1}}, &bad));
    FAILS(EAGAIN, operate(id, {{0, 0}}, &short_time));
    remove(id);
}

void waiting() {
    int id = made(2);
    auto wait_for = [&](std::initializer_list<Op> list) {
        return start([id, list] { return operate(id, list) == 0 ? 7 : errno; });
    };
    pid_t first = wait_for({{0, -2}}), second = wait_for({{0, -1}}), zero = wait_for({{1, 0}, {0, 0}});
    CHECK(until_asleep(first) && until_asleep(second));
    CHECK(exit_of(zero) == 7);
    CHECK(get(id, 0, GETNCNT) == 2 && get(id, 0, GETZCNT) == 0);
    CHECK(operate(id, {{0, 1}}) == 0 && exit_of(second) == 7 && get(id, 0, GETNCNT) == 1); // the one that can
    CHECK(get(id, 0, GETPID) == second);
    CHECK(operate(id, {{0, 3}}) == 0 && exit_of(first) == 7 && get(id, 0) == 1);
    zero = wait_for({{1, 1}, {0, 0}});
    CHECK(until_asleep(zero) && get(id, 0, GETZCNT) == 1 && get(id, 1) == 0);
    CHECK(operate(id, {{0, -1}}) == 0 && exit_of(zero) == 7 && get(id, 1) == 1);
    // One goes on, and lets the next one go on.
    first = wait_for({{0, -1}, {1, 4}}), second = wait_for({{1, -5}});
    CHECK(until_asleep(first) && until_asleep(second) && set(id, 0, 1) == 0);
    CHECK(exit_of(first) == 7 && exit_of(second) == 7 && get(id, 0) == 0 && get(id, 1) == 0);
    // It waits for one, then for the other.
    first = wait_for({{0, -1}, {1, -1}});
    CHECK(until_asleep(first) && get(id, 0, GETNCNT) == 1 && operate(id, {{0, 1}}) == 0);
    CHECK(eventually([&] { return get(id, 1, GETNCNT) == 1; }) && get(id, 0) == 1 && get(id, 0, GETNCNT) == 0);
    CHECK(operate(id, {{1, 1}}) == 0 && exit_of(first) == 7 && get(id, 0) == 0);

    pid_t interrupted = start([&] {
        struct sigaction action{};
        action.sa_handler = [](int) {};
        action.sa_flags = SA_RESTART;
        sigaction(SIGUSR1, &action, nullptr);
        return operate(id, {{0, -1}}) == 0 ? 7 : errno;
    });
    CHECK(until_asleep(interrupted) && kill(interrupted, SIGUSR1) == 0 && exit_of(interrupted) == EINTR);
    CHECK(get(id, 0, GETNCNT) == 0);
    pid_t gone = wait_for({{0, -1}});
    CHECK(until_asleep(gone));
    remove(id);
    CHECK(exit_of(gone) == EIDRM);
}

void taking_back() {
    int id = made(2);
    CHECK(set(id, 0, 5) == 0 && set(id, 1, 5) == 0);
    CHECK(exit_of(start([&] { return operate(id, {{0, -2, SEM_UNDO}, {1, 3, SEM_UNDO}, {0, -1}}); })) == 0);
    CHECK(get(id, 0) == 4 && get(id, 1) == 5);
    // What would fall below zero stays there; a value that was set is not taken back.
    CHECK(exit_of(start([&] { return operate(id, {{0, 3, SEM_UNDO}}) || operate(id, {{0, -6}}); })) == 0);
    CHECK(get(id, 0) == 0);
    CHECK(exit_of(start([&] { return operate(id, {{1, -2, SEM_UNDO}}) || set(id, 1, 1); })) == 0 && get(id, 1) == 1);
    // A child does not inherit it; a program that is executed keeps it.
    CHECK(set(id, 0, 1) == 0);
    CHECK(exit_of(start([&] {
              CHECK(operate(id, {{0, 4, SEM_UNDO}}) == 0);
              CHECK(exit_of(start([] { return 0; })) == 0 && get(id, 0) == 5);
              execl("/proc/self/exe", "sysv_semaphores", "end", nullptr);
              return 1;
          })) == 0);
    CHECK(get(id, 0) == 1);
    // A waiter is let go by an end.
    pid_t waiter = start([&] { return operate(id, {{0, -3}}) == 0 ? 7 : errno; });
    CHECK(until_asleep(waiter));
    CHECK(exit_of(start([&] { return operate(id, {{0, -1, SEM_UNDO}, {0, 0}}) || set(id, 1, 9); })) == 0);
    CHECK(get(id, 0) == 1 && operate(id, {{0, 2}}) == 0 && exit_of(waiter) == 7);
    // Shared by CLONE_SYSVSEM: the last one that ends takes it back.
    CHECK(set(id, 0, 0) == 0);
    CHECK(exit_of(start([&] {
              long child = CALL(clone, CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0);
              if (child == 0) _exit(operate(id, {{0, 2, SEM_UNDO}}));
              CHECK(exit_of(static_cast<pid_t>(child)) == 0 && get(id, 0) == 2);
              return failures;
          })) == 0);
    CHECK(get(id, 0) == 0);
    remove(id);
}

void permissions() {
    int readable = made(1, 0604), writable = made(1, 0602);
    CHECK(exit_of(start([&] {
              CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
              CHECK(operate(readable, {{0, 0}}) == 0 && get(readable, 0) == 0);
              FAILS(EACCES, operate(readable, {{0, 1}}));
              FAILS(EACCES, set(readable, 0, 1));
              CHECK(operate(writable, {{0, 1}}) == 0);
              FAILS(EACCES, get(writable, 0));
              FAILS(EPERM, semctl(readable, 0, IPC_RMID));
              return failures;
          })) == 0);
    remove(readable);
    remove(writable);
}

void lists() {
    int id = made(7, IPC_CREAT | 0640, 0x53454d32);
    seminfo info{};
    int highest = semctl(0, 0, SEM_INFO, Argument{.info = &info});
    CHECK(highest >= 0 && info.semusz >= 1 && info.semaem >= 7);
    CHECK(semctl(0, 0, IPC_INFO, Argument{.info = &info}) == highest);
    CHECK(info.semmni == 32'000 && info.semmsl == 32'000 && info.semopm == 500 && info.semvmx == 32'767);
    bool found = false;
    for (int i = 0; i <= highest; i++) {
        semid_ds s{};
        if (semctl(i, 0, SEM_STAT, Argument{.set = &s}) == id)
            found = s.sem_nsems == 7 && semctl(i, 0, SEM_STAT_ANY, Argument{.set = &s}) == id;
    }
    CHECK(found);
    char line[256], wanted[64];
    snprintf(wanted, sizeof wanted, "%10d %10d  %4o %10d", 0x53454d32, id, 0640, 7);
    found = false;
    FILE* file = fopen("/proc/sysvipc/sem", "r");
    while (file && fgets(line, sizeof line, file)) found |= !strncmp(line, wanted, strlen(wanted));
    CHECK(found);
    if (file) fclose(file);
    remove(id);
}
} // namespace

int main(int, char** arguments) {
    if (arguments[1]) return 0;
    getting();
    values();
    all_or_none();
    waiting();
    taking_back();
    permissions();
    lists();
    return finish("sysv_semaphores");
}
