// qemu-user: leaves /proc to the Linux below it
// Files of /proc and /sys that programs read: their lines, who outlives whom, and what poll(2) tells of them.
#include "check.h"
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
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

static void lines_of_status() {
    const char* status = slurp("/proc/self/status");
    for (const char* line :
         {"\nHugetlbPages:\t", "\nCoreDumping:\t0\n", "\nTHP_enabled:\t", "\nSpeculation_Store_Bypass:\t",
          "\nCpus_allowed:\t", "\nCpus_allowed_list:\t", "\nMems_allowed_list:\t0\n"})
        if (!strstr(status, line)) printf("status lacks %s\n", line + 1), failures++;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(strstr(slurp("/proc/self/status"), "\nCpus_allowed_list:\t0\n"));
    for (const char* line : {"\nPss_Anon:", "\nPss_File:", "\nPss_Shmem:"})
        CHECK(strstr(slurp("/proc/self/smaps_rollup"), line));
}

/// Field 8 of stat.
static int foreground(pid_t pid) {
    int group = 99;
    const char* behind = strrchr(slurp(of(pid, "stat")), ')');
    CHECK(behind && sscanf(behind, ") %*c %*d %*d %*d %*d %d", &group) == 1);
    return group;
}
static void foreground_groups() {
    pid_t child = start([] {
        failures = 0;
        CHECK(setsid() == getpid() && foreground(getpid()) == -1);
        int master = posix_openpt(O_RDWR | O_NOCTTY);
        CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
        int slave = open(ptsname(master), O_RDWR);
        CHECK(slave >= 0 && foreground(getpid()) == getpid());
        pid_t background = start([] {
            setpgid(0, 0);
            pause();
        });
        CHECK(eventually([&] { return getpgid(background) == background; }));
        CHECK(foreground(background) == getpid() && tcsetpgrp(slave, background) == 0);
        CHECK(foreground(getpid()) == background);
        kill(background, SIGKILL);
        waitpid(background, nullptr, 0);
        return failures;
    });
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
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

static void settings_of_a_process() {
    CHECK(strcmp(slurp("/proc/self/coredump_filter"), "00000033\n") == 0);
    CHECK(put("/proc/self/coredump_filter", "0x3f") == 4);
    pid_t child = start([] { return strcmp(slurp("/proc/self/coredump_filter"), "0000003f\n"); });
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    FAILS(EINVAL, put("/proc/self/coredump_filter", "many"));
    CHECK(prctl(PR_SET_TIMERSLACK, 70'000) == 0 && atol(slurp("/proc/self/timerslack_ns")) == 70'000);
    CHECK(put("/proc/self/timerslack_ns", "90000") == 5 && prctl(PR_GET_TIMERSLACK) == 90'000);
    CHECK(put("/proc/self/timerslack_ns", "0") == 1 && prctl(PR_GET_TIMERSLACK) == 50'000);
    CHECK(put("/proc/self/oom_score_adj", "500") == 3 && strcmp(slurp("/proc/self/oom_adj"), "8\n") == 0);
    CHECK(put("/proc/self/oom_adj", "15") == 2 && strcmp(slurp("/proc/self/oom_score_adj"), "1000\n") == 0);
    FAILS(EINVAL, put("/proc/self/oom_adj", "16"));
    FAILS(EINVAL, put("/proc/self/oom_adj", "-18"));
    CHECK(strcmp(slurp("/proc/self/setgroups"), "allow\n") == 0 &&
          strstr(slurp("/proc/self/projid_map"), "4294967295"));
    CHECK(slurp("/proc/self/cpuset")[0] == '/' && strstr(slurp("/proc/self/timens_offsets"), "boottime"));
}

static void transfers() {
    int fd = open("moved", O_CREAT | O_RDWR | O_TRUNC, 0600);
    static char bytes[5000];
    auto counted = [] {
        const char* io = slurp("/proc/self/io");
        struct {
            long read, written, reads, writes;
        } now{number(io, "rchar: "), number(io, "wchar: "), number(io, "syscr: "), number(io, "syscw: ")};
        return now;
    };
    counted();
    auto before = counted();
    CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes && pwrite(fd, bytes, 10, 0) == 10);
    CHECK(pread(fd, bytes, 3000, 0) == 3000);
    auto after = counted();
    CHECK(after.written - before.written == 5010 && after.writes - before.writes == 2);
    // What reading the counts themselves has read comes on top.
    CHECK(after.read - before.read >= 3000 && after.read - before.read < 3500 && after.reads - before.reads == 3);
    // Children count once they have been waited for.
    pid_t child = start([&] { return write(fd, bytes, 4000) != 4000; });
    CHECK(waitpid(child, nullptr, 0) == child);
    CHECK(counted().written - after.written == 4000);
    // A call that moves from file to file is one of each kind, however much it moves.
    int to = open("moved-to", O_CREAT | O_RDWR | O_TRUNC, 0600);
    loff_t start = 0, target = 0;
    before = counted();
    CHECK(sendfile(to, fd, &start, 5000) == 5000);
    start = 0;
    CHECK(copy_file_range(fd, &start, to, &target, 5000, 0) == 5000);
    after = counted();
    CHECK(after.written - before.written == 10'000 && after.writes - before.writes == 2);
    CHECK(after.read - before.read >= 10'000 && after.read - before.read < 10'500 && after.reads - before.reads == 4);
    close(to);
    close(fd);
}

/// A listing that goes on behind a thread which has ended meanwhile misses none of the later ones.
static void listing_of_threads() {
    constexpr int others = 8;
    struct Other {
        pthread_t thread;
        volatile pid_t tid;
        int end[2];
        int listed;
    };
    static Other all[others];
    auto run = [](void* own) -> void* {
        auto& me = *static_cast<Other*>(own);
        me.tid = static_cast<pid_t>(syscall(SYS_gettid));
        char byte;
        if (read(me.end[0], &byte, 1) != 1) failures++;
        return nullptr;
    };
    for (Other& o : all) CHECK(pipe(o.end) == 0 && pthread_create(&o.thread, nullptr, run, &o) == 0);
    for (Other& o : all) eventually([&] { return o.tid != 0; });
    auto end = [](Other& o) {
        CHECK(write(o.end[1], "", 1) == 1);
        pthread_join(o.thread, nullptr);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d", o.tid);
        eventually([&] { return access(path, F_OK) != 0; });
        o.tid = 0;
    };
    int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
    char few[3 * 32]; // as many entries as one call has room for
    long got;
    while ((got = CALL(getdents64, folder, few, sizeof few)) > 0) {
        Other* last = nullptr;
        for (long at = 0; at < got;) {
            auto* entry = reinterpret_cast<dirent64*>(few + at);
            at += entry->d_reclen;
            for (Other& o : all)
                if (o.tid && atoi(entry->d_name) == o.tid) o.listed++, last = &o;
        }
        if (last) end(*last);
    }
    CHECK(got == 0);
    for (Other& o : all) {
        CHECK(o.listed == 1);
        if (o.tid) end(o);
        close(o.end[0]), close(o.end[1]);
    }
    close(folder);
}

static void threads_and_children() {
    static volatile pid_t thread_id, its_child;
    static int ready[2], done[2];
    CHECK(pipe(ready) == 0 && pipe(done) == 0);
    pthread_t thread;
    auto run = [](void*) -> void* {
        thread_id = static_cast<pid_t>(syscall(SYS_gettid));
        its_child = start([] { pause(); });
        char byte = 0;
        if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) failures++;
        return nullptr;
    };
    CHECK(pthread_create(&thread, nullptr, run, nullptr) == 0);
    char byte, path[80], wanted[20];
    CHECK(read(ready[0], &byte, 1) == 1);
    pid_t mine = start([] { pause(); });
    snprintf(path, sizeof path, "/proc/self/task/%d/children", thread_id);
    snprintf(wanted, sizeof wanted, "%d ", its_child);
    CHECK(strcmp(slurp(path), wanted) == 0);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    snprintf(wanted, sizeof wanted, "%d ", mine);
    CHECK(strcmp(slurp(path), wanted) == 0);
    // A thread's number is a folder that is not listed, with its process's threads below.
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", thread_id, getpid());
    CHECK(stat(path, &status) == 0);
    CHECK(number(slurp(of(thread_id, "status")), "\nTgid:\t") == getpid());
    CHECK(write(done[1], &byte, 1) == 1 && pthread_join(thread, nullptr) == 0);
    kill(mine, SIGKILL), kill(its_child, SIGKILL);
    while (waitpid(-1, nullptr, 0) > 0) {}
}

/// What was opened of a process that is there no more.
static void after_the_end() {
    pid_t child = start([] { pause(); });
    const char* const gone[] = {"stat",   "status", "statm", "cmdline",       "comm",
                                "limits", "io",     "maps",  "oom_score_adj", "wchan"};
    int files[16], folder = open(of(child, ""), O_RDONLY | O_DIRECTORY), count = 0;
    for (const char* name : gone) CHECK((files[count++] = open(of(child, name), O_RDONLY)) >= 0);
    int memory = open(of(child, "environ"), O_RDONLY), mounts = open(of(child, "mountinfo"), O_RDONLY);
    int setting = open(of(child, "oom_score_adj"), O_WRONLY);
    CHECK(read(files[0], text, 10) == 10 && lseek(files[0], 0, SEEK_SET) == 0);
    kill(child, SIGKILL);
    siginfo_t info;
    CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    CHECK(read(files[0], text, 10) == 10 && lseek(files[0], 0, SEEK_SET) == 0); // not before it is reaped
    waitpid(child, nullptr, 0);
    for (int i = 0; i < count; i++) {
        FAILS(ESRCH, read(files[i], text, 10));
        close(files[i]);
    }
    FAILS(ESRCH, write(setting, "1", 1));
    CHECK(read(memory, text, 10) == 0 && read(mounts, text, 10) == 10);
    FAILS(ENOENT, syscall(SYS_getdents64, folder, text, sizeof text));
    close(memory), close(mounts), close(setting), close(folder);
}

static void names_that_change() {
    char name[65];
    CHECK(gethostname(name, sizeof name) == 0);
    int fd = open("/proc/sys/kernel/hostname", O_RDONLY), other = open("/proc/sys/kernel/domainname", O_RDONLY);
    pollfd wanted{fd, POLLIN, 0};
    CHECK(poll(&wanted, 1, 0) == 1 && wanted.revents == POLLIN);
    int epoll = epoll_create1(0);
    epoll_event event{EPOLLPRI, {}};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 && epoll_wait(epoll, &event, 1, 0) == 0);
    CHECK(sethostname(name, strlen(name)) == 0); // to what it is
    CHECK(epoll_wait(epoll, &event, 1, 1000) == 1 && event.events == (EPOLLPRI | EPOLLERR));
    CHECK(poll(&wanted, 1, 0) == 1 && wanted.revents == POLLIN);
    CHECK(sethostname(name, strlen(name)) == 0);
    CHECK(poll(&wanted, 1, 0) == 1 && wanted.revents == (POLLIN | POLLERR));
    pollfd not_this{other, POLLIN, 0};
    CHECK(poll(&not_this, 1, 0) == 1 && not_this.revents == POLLIN);
    close(fd), close(other), close(epoll);
}

static void a_pidfd_is_a_file() {
    struct stat status;
    char path[40];
    int self = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
    snprintf(path, sizeof path, "/proc/self/fd/%d", self);
    CHECK(stat(path, &status) == 0 && status.st_nlink == 1 && (status.st_mode & S_IFMT) == 0);
    close(self);
}

static void the_machine() {
    for (const char* path :
         {"/proc/cgroups", "/proc/sys/fs/file-nr", "/proc/sys/fs/inode-nr", "/proc/sys/fs/suid_dumpable",
          "/proc/sys/fs/mount-max", "/proc/sys/fs/overflowuid", "/proc/sys/kernel/dmesg_restrict",
          "/proc/sys/kernel/kptr_restrict", "/proc/sys/vm/dirty_ratio", "/proc/sys/vm/nr_hugepages",
          "/proc/sys/user/max_user_namespaces"})
        if (!slurp(path)[0]) printf("%s: empty\n", path), failures++;
    struct stat status;
    CHECK(stat("/proc/diskstats", &status) == 0);
    long files = atol(slurp("/proc/sys/fs/file-nr"));
    int many[500];
    for (int& fd : many) fd = open("/dev/null", O_RDONLY);
    CHECK(atol(slurp("/proc/sys/fs/file-nr")) >= files + 400);
    for (int fd : many) close(fd);
    CHECK(strstr(slurp("/proc/cgroups"), "#subsys_name\thierarchy\tnum_cgroups\tenabled\n") == text);
}

int main(int, char** argv) {
    lines_of_status();
    foreground_groups();
    settings_of_a_process();
    transfers();
    listing_of_threads();
    threads_and_children();
    after_the_end();
    names_that_change();
    a_pidfd_is_a_file();
    the_machine();
    auxiliary_vector(argv);
    return finish("proc_files");
}
