// qemu-user: leaves /proc to the Linux below it
// Files of /proc and /sys that programs read: their lines, who outlives whom, and what poll(2) tells of them.
#include "check.h"
#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

static char text[1 << 16];
static const char* slurp(const char* path) {
    text[0] = 0;
    int fd = open(path, O_RDONLY);
    if (fd < 0) return text;
    size_t n = 0;
    ssize_t got;
    while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0) n += static_cast<size_t>(got);
    text[n] = 0;
    close(fd);
    return text;
}
static const char* of(pid_t pid, const char* name) {
    static char path[80];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return path;
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
static long number(const char* in, const char* name) {
    const char* at = strstr(in, name);
    return at ? atol(at + strlen(name)) : -1;
}

/// Field 8 of stat.
static int foreground(pid_t pid) {
    int group = 99;
    const char* behind = strrchr(slurp(of(pid, "stat")), ')');
    CHECK(behind && sscanf(behind, ") %*c %*d %*d %*d %*d %d", &group) == 1);
    return group;
}
/// Programs shorten argv and the environment in place.
static void auxiliary_vector(char** argv) {
    static char before[1024], after[1024];
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t n = read(fd, before, sizeof before);
    close(fd);
    CHECK(n > 160 && n % static_cast<ssize_t>(sizeof(Elf64_auxv_t)) == 0);
    argv[0] = nullptr;
    if (*environ) environ[0] = nullptr;
    fd = open("/proc/self/auxv", O_RDONLY);
    CHECK(read(fd, after, sizeof after) == n && memcmp(before, after, static_cast<size_t>(n)) == 0);
    close(fd);
}

int main(int, char** argv) {
    auxiliary_vector(argv);
    return finish("proc_files");
}
