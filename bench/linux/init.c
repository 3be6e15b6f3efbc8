// The first process on Linux: makes of the initramfs what a container finds on Rundlet (/proc, /dev, /tmp), waits until
// the kernel's start-up work is done, and becomes the runner, or what "bench=PROGRAM" on the kernel's command line
// names.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void must(const char* what, int result) {
    if (result < 0) perror(what);
}

/// Brings an interface up, with an address if one is given.
static void interface_up(const char* name, const char* address) {
    struct ifreq request = {0};
    struct sockaddr_in* to = (struct sockaddr_in*)&request.ifr_addr;
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    strcpy(request.ifr_name, name);
    if (address) {
        to->sin_family = AF_INET;
        to->sin_addr.s_addr = inet_addr(address);
        must(name, ioctl(any, SIOCSIFADDR, &request));
        to->sin_addr.s_addr = inet_addr("255.255.255.0");
        must(name, ioctl(any, SIOCSIFNETMASK, &request));
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    must(name, ioctl(any, SIOCSIFFLAGS, &request));
    close(any);
}

/// Loads /bench/modules/0.ko and those that follow, as the bench has put them in order. Whether there was one.
static int load_modules(void) {
    for (int i = 0;; ++i) {
        char path[40];
        snprintf(path, sizeof path, "/bench/modules/%d.ko", i);
        int file = open(path, O_RDONLY);
        if (file < 0) return i;
        must(path, (int)syscall(SYS_finit_module, file, "", 0));
        close(file);
    }
}

/// What the container's configuration allows.
static void allow_many_files(void) {
    struct rlimit many = {25000, 25000};
    must("RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &many));
}

int main(int count, char** arguments) {
    mkdir("/dev/pts", 0755);
    must("/dev", mount("devtmpfs", "/dev", "devtmpfs", 0, ""));
    mkdir("/dev/pts", 0755);
    must("/dev/pts", mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666"));
    must("/proc", mount("proc", "/proc", "proc", 0, ""));
    must("/sys", mount("sysfs", "/sys", "sysfs", 0, ""));
    if (access("/bundles", F_OK) == 0)
        must("cgroup", mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, "")); // crun asks for it
    must("/run", mount("tmpfs", "/run", "tmpfs", 0, "mode=755"));
    must("/tmp", mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777"));
    interface_up("lo", NULL);
    if (load_modules()) interface_up("eth0", "10.0.2.15");
    allow_many_files();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    sleep(3);
    char* program = getenv("bench");
    char* words[] = {program, NULL};
    (void)count, (void)arguments;
    if (program) execv(program, words);
    perror("exec");
    return 1;
}
