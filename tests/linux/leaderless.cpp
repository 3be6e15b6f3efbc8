// qemu-user: is seen itself: its threads, its signals
// /proc of a process whose first thread has ended while another runs: what is the thread's is gone, what is the
// process's stays; the files of the other thread show all.
#include "tests/linux/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <initializer_list>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace {
char word[] = "a word";
int told[2];

void* stay(void*) {
    auto self = static_cast<pid_t>(syscall(SYS_gettid));
    (void)!write(told[1], &self, sizeof self);
    while (true) pause();
}
/// The other thread's number is told through the pipe.
pid_t start_leaderless() {
    return start([] {
        pthread_t other;
        pthread_create(&other, nullptr, stay, nullptr);
        syscall(SYS_exit, 0);
    });
}

struct Path {
    char text[128];
    Path(const char* folder, const char* name) { snprintf(text, sizeof text, "%s%s", folder, name); }
};
char content[1 << 20];

/// Reads a file of /proc into `content`. Returns the errno of what failed.
int load(const char* folder, const char* name) {
    size_t size = 0;
    content[0] = 0;
    int fd = open(Path{folder, name}.text, O_RDONLY);
    if (fd < 0) return errno;
    ssize_t n;
    while ((n = read(fd, content + size, sizeof content - 1 - size)) > 0) size += static_cast<size_t>(n);
    int error = n < 0 ? errno : 0;
    content[size] = 0;
    close(fd);
    return error;
}

void texts(const char* folder) {
    for (const char* name :
         {"cmdline", "environ", "auxv", "maps", "smaps", "smaps_rollup", "statm", "mounts", "mountinfo", "limits", "io",
          "comm", "oom_score_adj", "cgroup", "personality", "schedstat", "loginuid", "uid_map", "mem"}) {
        int error = load(folder, name);
        const char* what = error ? strerror(error) : "text";
        if (!error && strspn(content, "0 \n") == strlen(content)) what = "zeros";
        // Which of the two it is changes with Linux's versions.
        if (error == ESRCH || (!error && !content[0])) what = "nothing";
        printf("%s: %s\n", name, what);
    }
}

void links(const char* folder) {
    for (const char* name :
         {"exe", "cwd", "root", "ns/mnt", "ns/pid", "ns/uts", "ns/user", "ns/net", "ns/time", "ns/pid_for_children"}) {
        char target[4096];
        bool read = readlink(Path{folder, name}.text, target, sizeof target) > 0;
        printf("%s: %s\n", name, read ? "leads somewhere" : strerror(errno));
    }
    for (const char* name : {"fd", "fdinfo"}) {
        DIR* d = opendir(Path{folder, name}.text);
        int n = 0;
        errno = 0;
        while (dirent* e = d ? readdir(d) : nullptr) n += e->d_name[0] != '.';
        printf("%s: %s (%s)\n", name, n ? "some" : "none", strerror(errno));
        if (d) closedir(d);
    }
    int fd = open(Path{folder, "fd/1"}.text, O_WRONLY);
    printf("fd/1: %s\n", fd < 0 ? strerror(errno) : "open");
    if (fd >= 0) close(fd);
    printf("fdinfo/1: %s\n", strerror(load(folder, "fdinfo/1")));
}

/// The lines of status that depend on it; sizes are only told from nothing.
void status(const char* folder) {
    CHECK(load(folder, "status") == 0);
    for (const char* name :
         {"Umask", "State", "FDSize", "VmPeak", "VmSize", "VmPTE", "Threads", "SigBlk", "Groups", "Uid"}) {
        char start[32];
        snprintf(start, sizeof start, "\n%s:\t", name);
        const char* at = strstr(content, start);
        if (!at) {
            printf("%s: no line\n", name);
            continue;
        }
        at += strlen(start);
        bool is_size = name[0] == 'V' || !strcmp(name, "FDSize");
        if (is_size)
            printf("%s: %s\n", name, strtol(at, nullptr, 10) ? "some" : "0");
        else if (strcmp(name, "Groups") == 0)
            printf("%s\n", name);
        else
            printf("%s: %.*s\n", name, static_cast<int>(strcspn(at, "\n")), at);
    }
    CHECK(load(folder, "stat") == 0);
    char* save;
    char* at = strtok_r(strrchr(content, ')') + 1, " ", &save);
    // From the third field on: the state, the number of threads, and what tells of memory.
    printf("stat:");
    for (int field = 3; at; field++, at = strtok_r(nullptr, " ", &save)) {
        if (field == 3 || field == 20) printf(" %d=%s", field, at);
        if (field == 23 || (field >= 26 && field <= 28) || (field >= 45 && field <= 51))
            printf(" %d%s", field, strcmp(at, "0") ? "!=0" : "=0");
    }
    printf("\n");
}

void all(const char* folder) {
    texts(folder);
    links(folder);
    status(folder);
}

void calls(pid_t p) {
    char got[sizeof word];
    iovec here{got, sizeof got}, there{word, sizeof word};
    ssize_t n = process_vm_readv(p, &here, 1, &there, 1, 0);
    printf("process_vm_readv: %zd %s\n", n, n < 0 ? strerror(errno) : got);
    n = process_vm_writev(p, &here, 1, &there, 1, 0);
    printf("process_vm_writev: %zd %s\n", n, n < 0 ? strerror(errno) : "");
    if (int fd = static_cast<int>(syscall(SYS_pidfd_open, p, 0)); fd >= 0) {
        long file = syscall(SYS_pidfd_getfd, fd, 1, 0);
        printf("pidfd_getfd: %s\n", file < 0 ? strerror(errno) : "ok");
        printf("pidfd_send_signal: %ld\n", syscall(SYS_pidfd_send_signal, fd, 0, nullptr, 0));
        close(fd);
    }
    rlimit limit;
    printf("prlimit: %d\n", prlimit(p, RLIMIT_NOFILE, nullptr, &limit));
    printf("getpgid: %d\n", getpgid(p) == getpgid(0));
    printf("kill 0: %d\n", kill(p, 0));
    int status;
    printf("waitpid: %d\n", waitpid(p, &status, WNOHANG));
}
} // namespace

int main() {
    CHECK(pipe(told) == 0);
    pid_t p = start_leaderless(), thread;
    CHECK(read(told[0], &thread, sizeof thread) == sizeof thread);
    char folder[32], own[64], others[64], by_number[32];
    snprintf(folder, sizeof folder, "/proc/%d/", p);
    snprintf(own, sizeof own, "%stask/%d/", folder, p);
    snprintf(others, sizeof others, "%stask/%d/", folder, thread);
    snprintf(by_number, sizeof by_number, "/proc/%d/", thread);
    CHECK(eventually([&] { return load(folder, "stat") == 0 && strstr(content, ") Z "); }));
    CHECK(until_asleep(thread));
    printf("== the process\n");
    all(folder);
    calls(p);
    printf("== its first thread\n");
    all(own);
    printf("== its other thread\n");
    all(others);
    printf("== by the other thread's number\n");
    status(by_number);
    calls(thread);
    CHECK(kill(p, SIGKILL) == 0 && waitpid(p, nullptr, 0) == p);
    return finish("leaderless");
}
