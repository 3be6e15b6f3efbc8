// qemu-user: leaves limits and /proc to the Linux below it
// /proc/pid: what debuggers, allocators and service managers read and write there.
#include "check.h"
#include <elf.h>
#include <fcntl.h>
#include <initializer_list>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char text[1 << 20];
static const char* slurp(const char* path) {
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    size_t n = 0;
    ssize_t got;
    while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0) n += static_cast<size_t>(got);
    text[n] = 0;
    close(fd);
    return text;
}
static long put(const char* path, const char* what) {
    int fd = open(path, O_WRONLY);
    if (fd < 0) return -1;
    long n = write(fd, what, strlen(what));
    int error = errno;
    close(fd);
    errno = error;
    return n;
}

static void auxv() {
    Elf64_auxv_t list[64];
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t n = read(fd, list, sizeof list);
    close(fd);
    CHECK(n > 0 && n % static_cast<ssize_t>(sizeof list[0]) == 0);
    bool ended = false;
    for (size_t i = 0; i < static_cast<size_t>(n) / sizeof list[0]; i++) {
        ended = list[i].a_type == AT_NULL;
        if (list[i].a_type == AT_PHDR || list[i].a_type == AT_RANDOM || list[i].a_type == AT_PAGESZ)
            CHECK(getauxval(list[i].a_type) == list[i].a_un.a_val);
    }
    CHECK(ended);
}

static long field(const char* in, const char* name) {
    const char* at = strstr(in, name);
    return at ? atol(at + strlen(name)) : -1;
}
static void smaps() {
    size_t size = 64 * 4096;
    char* area = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(mprotect(area + size - 4096, 4096, PROT_NONE) == 0); // so that nothing merges with it
    for (size_t i = 0; i < 10; i++) area[i * 4096] = 1;
    char head[32];
    snprintf(head, sizeof head, "%lx-", reinterpret_cast<unsigned long>(area));
    const char* at = strstr(slurp("/proc/self/smaps"), head);
    CHECK(at);
    if (!at) return;
    CHECK(field(at, "\nRss:") >= 40 && field(at, "\nRss:") < 400);
    CHECK(field(at, "\nAnonymous:") >= 40 && field(at, "\nPrivate_Dirty:") >= 40);
    CHECK(field(at, "\nShared_Clean:") == 0 && field(at, "\nSwap:") == 0);
    CHECK(strstr(at, "\nVmFlags: rd wr"));
    CHECK(field(slurp("/proc/self/smaps_rollup"), "\nRss:") >= 40 && strstr(text, "[rollup]"));
    CHECK(munmap(area, size) == 0);
}

static const int constant = 17;
static int variable = 4;
static void memory() {
    int fd = open("/proc/self/mem", O_RDWR);
    CHECK(fd >= 0);
    int seen = 0, next = 5;
    auto at = reinterpret_cast<off_t>(&variable);
    CHECK(pread(fd, &seen, sizeof seen, at) == sizeof seen && seen == 4);
    CHECK(pwrite(fd, &next, sizeof next, at) == sizeof next && *const_cast<volatile int*>(&variable) == 5);
    // What is read-only here is not so for a debugger.
    at = reinterpret_cast<off_t>(&constant);
    CHECK(lseek(fd, at, SEEK_SET) == at && write(fd, &next, sizeof next) == sizeof next);
    CHECK(*const_cast<volatile const int*>(&constant) == 5);
    FAILS(EIO, pread(fd, &seen, sizeof seen, 4096));
    void* hole = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(static_cast<char*>(hole) + 4096, 4096);
    char bytes[16];
    CHECK(pread(fd, bytes, 16, reinterpret_cast<off_t>(hole) + 4088) == 8);
    close(fd);
    // A child's memory, and nothing once it is gone.
    int wait[2];
    CHECK(pipe(wait) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(wait[1]);
        (void)!read(wait[0], bytes, 1);
        _exit(variable == 6 ? 0 : 1);
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    fd = open(path, O_RDWR);
    next = 6;
    CHECK(pwrite(fd, &next, sizeof next, reinterpret_cast<off_t>(&variable)) == sizeof next && variable == 5);
    close(wait[1]);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(pread(fd, &seen, sizeof seen, reinterpret_cast<off_t>(&variable)) == 0);
    close(fd);
}

static void other_memory() {
    static volatile int values[2]; // others change it
    int wait[2], seen[2] = {};
    values[0] = 1;
    values[1] = 2;
    CHECK(pipe(wait) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(wait[1]);
        (void)!read(wait[0], seen, 1);
        _exit(values[0] == 7 && values[1] == 8 ? 0 : 1);
    }
    iovec here[2] = {{&seen[0], 4}, {&seen[1], 4}}, there = {const_cast<int*>(values), sizeof values};
    CHECK(process_vm_readv(child, here, 2, &there, 1, 0) == 8 && seen[0] == 1 && seen[1] == 2);
    seen[0] = 7, seen[1] = 8;
    CHECK(process_vm_writev(child, here, 2, &there, 1, 0) == 8);
    CHECK(process_vm_readv(getpid(), here, 1, &there, 1, 0) == 4 && seen[0] == 1);
    iovec nowhere = {reinterpret_cast<void*>(4096), 8};
    FAILS(EFAULT, process_vm_readv(child, here, 2, &nowhere, 1, 0));
    FAILS(EFAULT, process_vm_readv(child, &nowhere, 1, &there, 1, 0));
    FAILS(EINVAL, process_vm_readv(child, here, 2, &there, 1, 1));
    FAILS(EINVAL, process_vm_readv(child, here, 2, &there, 1025, 0));
    iovec constants = {const_cast<int*>(&constant), 4};
    FAILS(EFAULT, process_vm_writev(child, here, 1, &constants, 1, 0));
    close(wait[1]);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    FAILS(ESRCH, process_vm_readv(child, here, 2, &there, 1, 0));
}

static void namespaces() {
    char own[64], other[64], path[64];
    for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", name);
        ssize_t n = readlink(path, own, sizeof own - 1);
        CHECK(n > 0);
        own[n < 0 ? 0 : n] = 0;
        CHECK(strncmp(own, name, strlen(name)) == 0 && own[strlen(name)] == ':' && own[strlen(own) - 1] == ']');
        snprintf(path, sizeof path, "/proc/%d/ns/%s", getppid(), name);
        n = readlink(path, other, sizeof other - 1);
        other[n < 0 ? 0 : n] = 0;
        CHECK(strcmp(own, other) == 0);
    }
}

static void out_of_memory_score() {
    const char* path = "/proc/self/oom_score_adj";
    CHECK(put(path, "500\n") == 4 && atoi(slurp(path)) == 500);
    int high = atoi(slurp("/proc/self/oom_score"));
    CHECK(put(path, "0") == 1);
    CHECK(atoi(slurp("/proc/self/oom_score")) < high);
    FAILS(EINVAL, put(path, "1001"));
    FAILS(EINVAL, put(path, "-1001"));
    FAILS(EINVAL, put(path, "much"));
    CHECK(put(path, "300") == 3);
    pid_t child = fork();
    if (child == 0) _exit(atoi(slurp(path)) == 300 ? 0 : 1);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(put(path, "0") == 1);
}

static void names() {
    CHECK(put("/proc/self/comm", "a-rather-long-name-of-a-thread") > 0);
    CHECK(!strcmp(slurp("/proc/self/comm"), "a-rather-long-n\n"));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", getpid());
    CHECK(!strcmp(slurp(path), "a-rather-long-n\n"));
    rlimit l;
    CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
    slurp("/proc/self/limits");
    CHECK(field(text, "\nMax open files") == static_cast<long>(l.rlim_cur));
    CHECK(strstr(slurp("/proc/self/io"), "rchar:"));
}

int main() {
    auxv();
    smaps();
    memory();
    other_memory();
    namespaces();
    out_of_memory_score();
    names();
    return finish("proc");
}
