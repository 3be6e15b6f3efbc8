// Record locks as fcntl(2) and lockf(3) describe them, seen by another process, and flock(2).
#include "check.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace {
int fd;

struct flock range(short type, off_t start, off_t length) {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_start = start;
    lock.l_len = length;
    return lock;
}
int set(short type, off_t start, off_t length) {
    struct flock lock = range(type, start, length);
    return fcntl(fd, F_SETLK, &lock);
}

/// What a child is told that asks for a lock: printed, and so compared with Linux.
void seen(const char* when, short type, off_t start, off_t length) {
    fflush(stdout);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        struct flock lock = range(type, start, length);
        int result = fcntl(fd, F_GETLK, &lock);
        printf("%s: %d type %d start %lld length %lld holder %s\n", when, result, lock.l_type, (long long)lock.l_start,
               (long long)lock.l_len,
               lock.l_pid == parent ? "parent"
               : lock.l_pid         ? "other"
                                    : "none");
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, nullptr, 0);
}

void record_locks() {
    CHECK(set(F_WRLCK, 10, 5) == 0 && set(F_RDLCK, 1, 5) == 0);
    seen("the first that conflicts", F_WRLCK, 0, 0);
    seen("behind the first", F_WRLCK, 6, 0);
    seen("readers share", F_RDLCK, 0, 10);
    seen("behind both", F_WRLCK, 15, 0);
    CHECK(set(F_UNLCK, 12, 1) == 0);
    seen("cut in two, first", F_WRLCK, 10, 0);
    seen("cut in two, second", F_WRLCK, 12, 0);
    CHECK(set(F_WRLCK, 12, 1) == 0);
    seen("joined again", F_WRLCK, 10, 0);
    CHECK(set(F_RDLCK, 8, 4) == 0);
    seen("half of it weaker", F_WRLCK, 7, 0);
    seen("the rest of it", F_RDLCK, 0, 0);
    CHECK(set(F_UNLCK, 0, 0) == 0);
    seen("none", F_WRLCK, 0, 0);
    CHECK(set(F_WRLCK, 100, -50) == 0);
    seen("a negative length", F_WRLCK, 0, 0);
    FAILS(EINVAL, set(F_WRLCK, 10, -50));
    FAILS(EINVAL, set(99, 0, 1));
    close(dup(fd));
    seen("closing any copy gives them up", F_WRLCK, 0, 0);
}

void circles() {
    int ready[2];
    CHECK(pipe(ready) == 0 && set(F_WRLCK, 0, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct flock first = range(F_WRLCK, 0, 1);
        bool held = set(F_WRLCK, 1, 1) == 0;
        held &= write(ready[1], "x", 1) == 1;
        _exit(held && fcntl(fd, F_SETLKW, &first) == 0 ? 0 : 1);
    }
    char byte;
    struct flock second = range(F_WRLCK, 1, 1);
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(until_asleep(child)); // it waits for our lock
    FAILS(EDEADLK, fcntl(fd, F_SETLKW, &second));
    CHECK(set(F_UNLCK, 0, 1) == 0);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(ready[0]);
    close(ready[1]);
}

void locks_of_open_files() {
    int other = open("f", O_RDWR);
    struct flock lock = range(F_WRLCK, 0, 10);
    CHECK(fcntl(fd, F_OFD_SETLK, &lock) == 0);
    struct flock asked = range(F_RDLCK, 5, 1);
    CHECK(fcntl(other, F_OFD_GETLK, &asked) == 0 && asked.l_type == F_WRLCK && asked.l_pid == -1);
    asked = range(F_RDLCK, 5, 1);
    FAILS(EAGAIN, fcntl(other, F_OFD_SETLK, &asked));
    asked.l_pid = 1;
    FAILS(EINVAL, fcntl(other, F_OFD_SETLK, &asked));
    close(dup(fd));
    asked = range(F_RDLCK, 5, 1);
    FAILS(EAGAIN, fcntl(other, F_OFD_SETLK, &asked));
    lock = range(F_UNLCK, 0, 0);
    CHECK(fcntl(fd, F_OFD_SETLK, &lock) == 0 && fcntl(other, F_OFD_SETLK, &asked) == 0);
    close(other);

    other = open("f", O_RDWR);
    CHECK(flock(fd, LOCK_SH) == 0 && flock(other, LOCK_SH) == 0);
    FAILS(EWOULDBLOCK, flock(fd, LOCK_EX | LOCK_NB));
    CHECK(flock(other, LOCK_UN) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    FAILS(EWOULDBLOCK, flock(other, LOCK_SH | LOCK_NB));
    FAILS(EINVAL, flock(fd, 0));
    close(other);
    CHECK(flock(fd, LOCK_UN) == 0);
}

/// What /proc/locks says of our file: one line per lock, in no order.
void listed() {
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    CHECK(set(F_WRLCK, 10, 5) == 0 && set(F_RDLCK, 100, 0) == 0 && flock(fd, LOCK_EX) == 0);
    char inode[40], lines[8][80];
    snprintf(inode, sizeof inode, ":%llu ", static_cast<unsigned long long>(st.st_ino));
    int count = 0;
    FILE* file = fopen("/proc/locks", "r");
    CHECK(file != nullptr);
    for (char line[200]; file && fgets(line, sizeof line, file);) {
        char kind[10], how[10], access[10], place[40], last[20];
        int pid;
        long long first;
        if (!strstr(line, inode)) continue;
        CHECK(sscanf(line, "%*d: %9s %9s %9s %d %39s %lld %19s", kind, how, access, &pid, place, &first, last) == 7);
        CHECK(pid == getpid() && count < 8);
        snprintf(lines[count++], sizeof lines[0], "%s %s %s %lld %s", kind, how, access, first, last);
    }
    fclose(file);
    qsort(lines, static_cast<size_t>(count), sizeof lines[0], [](const void* a, const void* b) {
        return strcmp(static_cast<const char*>(a), static_cast<const char*>(b));
    });
    for (int i = 0; i < count; i++) puts(lines[i]);
    CHECK(flock(fd, LOCK_UN) == 0 && set(F_UNLCK, 0, 0) == 0);
}

/// Many ranges on one file: each change costs little.
void many() {
    for (int i = 0; i < 8000; i++) CHECK(set(i & 1 ? F_WRLCK : F_RDLCK, i * 3l, 2) == 0);
    seen("among many", F_WRLCK, 3 * 4000 + 2, 3);
    CHECK(set(F_UNLCK, 3 * 4000, 3 * 1000) == 0);
    seen("behind a gap", F_WRLCK, 3 * 4000, 3 * 1000 + 1);
    CHECK(set(F_WRLCK, 0, 0) == 0);
    seen("all in one", F_RDLCK, 20'000, 1);
    CHECK(set(F_UNLCK, 0, 0) == 0);
}
} // namespace

int main() {
    fd = open("f", O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 200) == 0);
    record_locks();
    circles();
    locks_of_open_files();
    listed();
    many();
    int reader = open("f", O_RDONLY);
    struct flock lock = range(F_WRLCK, 0, 1);
    FAILS(EBADF, fcntl(reader, F_SETLK, &lock));
    return finish("locks");
}
