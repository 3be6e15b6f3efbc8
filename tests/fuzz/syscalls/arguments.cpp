#include "tests/fuzz/syscalls/arguments.h"
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <initializer_list>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

using enum Kind;
const Row rows[] = {
#include "build/tests/pointer_rows.h"
#ifdef __x86_64__
#include "build/tests/pointer_rows_x86_64.h"
#endif
};
const size_t row_count = sizeof rows / sizeof *rows;

namespace {
constexpr long page = 4096, pages = 64;

// Numbers that mean something to a call. A mask: any of the bits together; a choice: one of the values.
constexpr long opens[] = {O_WRONLY,   O_RDWR,    O_CREAT, O_EXCL,    O_TRUNC,   O_APPEND, O_NONBLOCK, O_DIRECTORY,
                          O_NOFOLLOW, O_CLOEXEC, O_PATH,  O_TMPFILE, O_NOATIME, O_DSYNC,  O_NOCTTY};
constexpr long modes[] = {S_IRWXU, S_IRWXG, S_IRWXO, S_ISUID, S_ISGID, S_ISVTX};
constexpr long types[] = {S_IFREG | 0644, S_IFIFO | 0666, S_IFCHR | 0666, S_IFDIR | 0755, S_IFSOCK | 0600};
constexpr long ats[] = {AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_REMOVEDIR, AT_NO_AUTOMOUNT};
constexpr long protections[] = {PROT_READ, PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN};
constexpr long maps[] = {MAP_PRIVATE,  MAP_SHARED, MAP_ANONYMOUS, MAP_FIXED, MAP_NORESERVE,
                         MAP_POPULATE, MAP_LOCKED, MAP_GROWSDOWN, MAP_STACK};
constexpr long remaps[] = {MREMAP_MAYMOVE, MREMAP_FIXED, 4};
constexpr long advices[] = {0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25};
constexpr long clones[] = {
    CLONE_VM,     CLONE_FS,      CLONE_FILES,  CLONE_SIGHAND,       CLONE_VFORK,          CLONE_PARENT,
    CLONE_THREAD, CLONE_SYSVSEM, CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID,
    CLONE_NEWNS,  CLONE_NEWPID,  SIGCHLD};
constexpr long waits[] = {WNOHANG, WUNTRACED, WCONTINUED, WEXITED, WNOWAIT, WSTOPPED};
constexpr long controls[] = {0,  1,  2,  3,  4,    5,    6,    7,    8,    9,    10,   11,  15,
                             16, 36, 37, 38, 1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034};
constexpr long requests[] = {TCGETS,    TCSETS,    TCSETSW,    TCSETSF,     TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP,
                             TIOCSPGRP, TIOCSCTTY, TIOCNOTTY,  FIONREAD,    FIONBIO,    FIOASYNC,   FIOCLEX,
                             FIONCLEX,  TIOCGPTN,  TIOCSPTLCK, TIOCGPTPEER, TIOCPKT,    TIOCSTI,    TCFLSH,
                             TCXONC,    TCSBRK,    TIOCOUTQ,   TIOCGSID,    TIOCEXCL,   TIOCMGET,   TIOCVHANGUP};
constexpr long operations[] = {0,  1,  2,   3,   4,   5,   6,   7,   8,   9,   10, 11,
                               12, 13, 128, 129, 131, 132, 137, 138, 256, 257, 265};
constexpr long clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, -6, -2, -14};
constexpr long splices[] = {1, 2, 4, 8};
constexpr long falls[] = {FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE};
constexpr long mounts[] = {MS_RDONLY, MS_NOSUID,  MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND,
                           MS_REC,    MS_PRIVATE, MS_MOVE,  MS_SLAVE,  MS_NOATIME};
constexpr long umounts[] = {MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW};
constexpr long policies[] = {0, 1, 2, 3, 5, 6, 0x40000000, 0x40000001};
constexpr long three[] = {0, 1, 2, 3}, few[] = {0, 1, 2, 4, 8};
constexpr long nonblocking[] = {O_NONBLOCK, O_CLOEXEC, EFD_SEMAPHORE, O_DIRECT};
constexpr long signals[] = {0,       SIGUSR1, SIGUSR2,  SIGCHLD, SIGSTOP, SIGCONT, SIGTSTP, SIGPIPE, SIGTERM,
                            SIGKILL, SIGSEGV, SIGWINCH, 32,      33,      34,      64,      65};
constexpr long barriers[] = {0, 1, 2, 4, 8, 16, 32, 64, 128};
constexpr long families[] = {AF_UNIX, AF_UNIX, AF_UNIX, AF_INET, AF_UNSPEC};
constexpr long socket_types[] = {
    SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM | SOCK_NONBLOCK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
    SOCK_RAW};
constexpr long message_flags[] = {MSG_PEEK, MSG_TRUNC,    MSG_DONTWAIT, MSG_OOB,          MSG_WAITALL,
                                  MSG_EOR,  MSG_NOSIGNAL, MSG_MORE,     MSG_CMSG_CLOEXEC, MSG_WAITFORONE};
constexpr long socket_options[] = {
    SO_TYPE,     SO_ERROR,    SO_SNDBUF,   SO_RCVBUF,     SO_SNDBUFFORCE, SO_LINGER,    SO_PASSCRED, SO_PEERCRED,
    SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_ACCEPTCONN, SO_PEEK_OFF,    SO_OOBINLINE, SO_PEERNAME, SO_PEERGROUPS,
    76,          77,          83};
constexpr long events[] = {EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD};
constexpr long users[] = {-1, 0, 1, 1000, 1001, 65534};

struct Hint {
    const char* call; // or its beginning, with a * behind it
    int argument;
    enum How { mask, choice, process } how;
    const long* values;
    unsigned count;
};
#define MASK(a) Hint::mask, a, sizeof a / sizeof *a
#define CHOICE(a) Hint::choice, a, sizeof a / sizeof *a
#define PROCESS Hint::process, nullptr, 0
constexpr Hint hints[] = {
    {"open", 1, MASK(opens)},
    {"openat", 2, MASK(opens)},
    {"open", 2, MASK(modes)},
    {"openat", 3, MASK(modes)},
    {"mkdir*", 2, MASK(modes)},
    {"mknod", 1, CHOICE(types)},
    {"mknodat", 2, CHOICE(types)},
    {"chmod", 1, MASK(modes)},
    {"fchmod", 1, MASK(modes)},
    {"fchmodat", 2, MASK(modes)},
    {"unlinkat", 2, MASK(ats)},
    {"newfstatat", 3, MASK(ats)},
    {"statx", 2, MASK(ats)},
    {"linkat", 4, MASK(ats)},
    {"fchownat", 4, MASK(ats)},
    {"faccessat2", 3, MASK(ats)},
    {"utimensat", 3, MASK(ats)},
    {"execveat", 4, MASK(ats)},
    {"renameat2", 4, MASK(three)},
    {"mmap", 2, MASK(protections)},
    {"mmap", 3, MASK(maps)},
    {"mprotect", 2, MASK(protections)},
    {"mremap", 3, MASK(remaps)},
    {"madvise", 2, CHOICE(advices)},
    {"msync", 2, MASK(few)},
    {"mlock*", 2, MASK(three)},
    {"mlockall", 0, MASK(few)},
    {"clone", 0, MASK(clones)},
    {"unshare", 0, MASK(clones)},
    {"wait4", 0, PROCESS},
    {"wait4", 2, MASK(waits)},
    {"waitid", 0, CHOICE(three)},
    {"waitid", 1, PROCESS},
    {"waitid", 3, MASK(waits)},
    {"fcntl", 1, CHOICE(controls)},
    {"ioctl", 1, CHOICE(requests)},
    {"futex", 1, CHOICE(operations)},
    {"clock_*", 0, CHOICE(clocks)},
    {"timer_create", 0, CHOICE(clocks)},
    {"timerfd_create", 0, CHOICE(clocks)},
    {"timerfd_create", 1, MASK(nonblocking)},
    {"timer_settime", 1, MASK(three)},
    {"timerfd_settime", 1, MASK(three)},
    {"timer_*", 0, CHOICE(three)},
    {"clock_nanosleep", 1, MASK(three)},
    {"splice", 5, MASK(splices)},
    {"tee", 3, MASK(splices)},
    {"vmsplice", 3, MASK(splices)},
    {"fallocate", 1, MASK(falls)},
    {"mount", 3, MASK(mounts)},
    {"umount2", 1, MASK(umounts)},
    {"sched_setscheduler", 1, CHOICE(policies)},
    {"sched_get_*", 0, CHOICE(policies)},
    {"sched_*", 0, PROCESS},
    {"pipe2", 1, MASK(nonblocking)},
    {"eventfd2", 1, MASK(nonblocking)},
    {"signalfd4", 3, MASK(nonblocking)},
    {"epoll_ctl", 1, CHOICE(events)},
    {"socket*", 0, CHOICE(families)},
    {"socket*", 1, CHOICE(socket_types)},
    {"socket*", 2, CHOICE(three)},
    {"listen", 1, CHOICE(few)},
    {"shutdown", 1, CHOICE(three)},
    {"accept4", 3, MASK(nonblocking)},
    {"sendto", 3, MASK(message_flags)},
    {"recvfrom", 3, MASK(message_flags)},
    {"sendmsg", 2, MASK(message_flags)},
    {"recvmsg", 2, MASK(message_flags)},
    {"sendmmsg", 3, MASK(message_flags)},
    {"recvmmsg", 3, MASK(message_flags)},
    {"setsockopt", 1, CHOICE(three)},
    {"setsockopt", 2, CHOICE(socket_options)},
    {"getsockopt", 1, CHOICE(three)},
    {"getsockopt", 2, CHOICE(socket_options)},
    {"dup3", 2, MASK(nonblocking)},
    {"memfd_create", 1, MASK(three)},
    {"rt_sigprocmask", 0, CHOICE(three)},
    {"rt_sigaction", 0, CHOICE(signals)},
    {"kill", 0, PROCESS},
    {"kill", 1, CHOICE(signals)},
    {"tkill", 0, PROCESS},
    {"tkill", 1, CHOICE(signals)},
    {"tgkill", 0, PROCESS},
    {"tgkill", 1, PROCESS},
    {"tgkill", 2, CHOICE(signals)},
    {"rt_sigqueueinfo", 0, PROCESS},
    {"rt_sigqueueinfo", 1, CHOICE(signals)},
    {"rt_tgsigqueueinfo", 0, PROCESS},
    {"rt_tgsigqueueinfo", 1, PROCESS},
    {"rt_tgsigqueueinfo", 2, CHOICE(signals)},
    {"pidfd_send_signal", 1, CHOICE(signals)},
    {"pidfd_open", 0, PROCESS},
    {"process_vm_*", 0, PROCESS},
    {"get_robust_list", 0, PROCESS},
    {"setpgid", 0, PROCESS},
    {"setpgid", 1, PROCESS},
    {"getpgid", 0, PROCESS},
    {"getsid", 0, PROCESS},
    {"prlimit64", 0, PROCESS},
    {"setpriority", 0, CHOICE(three)},
    {"setpriority", 1, PROCESS},
    {"getpriority", 1, PROCESS},
    {"ptrace", 1, PROCESS},
    {"membarrier", 0, CHOICE(barriers)},
    {"membarrier", 1, CHOICE(three)},
    {"setuid", 0, CHOICE(users)},
    {"setgid", 0, CHOICE(users)},
    {"setre*", 0, CHOICE(users)},
    {"setre*", 1, CHOICE(users)},
    {"setre*", 2, CHOICE(users)},
    {"setfs*", 0, CHOICE(users)},
    {"chown", 1, CHOICE(users)},
    {"fchown", 1, CHOICE(users)},
    {"fchownat", 2, CHOICE(users)},
    {"lseek", 2, CHOICE(few)},
    {"prctl", 0, CHOICE(advices)},
    {"setxattr", 4, CHOICE(three)},
    {"fsetxattr", 4, CHOICE(three)},
};
bool is(const char* call, const char* pattern) {
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(call, pattern, n - 1) == 0 : strcmp(call, pattern) == 0;
}

const char* const path_names[] = {"file",
                                  "append",
                                  "folder",
                                  "folder/a",
                                  "folder/b",
                                  "link",
                                  "fifo",
                                  "mount",
                                  "mount/x",
                                  "made",
                                  "made/x",
                                  ".",
                                  "..",
                                  "/",
                                  "/tmp",
                                  "/proc",
                                  "/proc/self",
                                  "/proc/self/mem",
                                  "/proc/self/fd/3",
                                  "/proc/self/fd",
                                  "/proc/self/maps",
                                  "/proc/self/smaps",
                                  "/proc/self/exe",
                                  "/proc/self/cwd",
                                  "/proc/self/root",
                                  "/proc/self/task",
                                  "/proc/self/status",
                                  "/proc/self/stat",
                                  "/proc/self/oom_score_adj",
                                  "/proc/self/mountinfo",
                                  "/proc/self/fdinfo/3",
                                  "/proc/self/clear_refs",
                                  "/proc/self/environ",
                                  "/proc/meminfo",
                                  "/proc/stat",
                                  "/proc/1/mem",
                                  "/proc/1/fd/0",
                                  "/proc/sys/kernel/hostname",
                                  "/dev/null",
                                  "/dev/zero",
                                  "/dev/full",
                                  "/dev/random",
                                  "/dev/tty",
                                  "/dev/ptmx",
                                  "/dev/pts/0",
                                  "/dev/pts/1",
                                  "/bin/busybox",
                                  "user.a",
                                  "user.b",
                                  "trusted.c",
                                  "security.capability",
                                  "tmpfs",
                                  "proc",
                                  "devpts",
                                  "size=64k,mode=700",
                                  ""};
constexpr unsigned path_count = sizeof path_names / sizeof *path_names;
} // namespace

unsigned long Random::next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ * 0x2545f4914f6cdd1dul;
}

bool left_out(const Row& row) {
    for (const char* name : {"reboot", "exit", "exit_group", "vhangup", "clock_settime", "settimeofday", "syslog"})
        if (strcmp(row.name, name) == 0) return true;
    return false;
}

bool ends_the_round(const Row& row) {
    for (const char* name :
         {"rt_sigreturn", "execve", "execveat", "setrlimit", "prlimit64", "rt_sigaction", "sigaltstack", "arch_prctl"})
        if (strcmp(row.name, name) == 0) return true;
    return false;
}

void World::open_all() {
    int ends[2] = {-1, -1};
    sigset_t all;
    sigfillset(&all);
    auto keep = [&](long made) {
        if (made >= 0 && count_ < 64) descriptors_[count_++] = static_cast<int>(made);
    };
    for (const char* name : {"file", "append", "folder", "fifo", "link", "/proc/self/maps", "/proc/self/mem",
                             "/proc/self/fd", "/proc/self/oom_score_adj", "/dev/null", "/dev/zero", "/dev/full",
                             "/dev/urandom", "/dev/ptmx", "/proc", "/bin/busybox"})
        for (int flags : {O_RDWR | O_NONBLOCK | O_NOCTTY, O_RDONLY | O_NONBLOCK})
            if (int made = open(name, flags | O_CLOEXEC); made >= 0) {
                keep(made);
                break;
            }
    keep(open("file", O_PATH));
    if (pipe2(ends, O_NONBLOCK) == 0) keep(ends[0]), keep(ends[1]);
    if (pipe(ends) == 0) keep(ends[0]), keep(ends[1]);
    for (int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET})
        if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends) == 0) keep(ends[0]), keep(ends[1]);
    if (int door = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); door >= 0) {
        sockaddr_un none{};
        none.sun_family = AF_UNIX;
        if (bind(door, reinterpret_cast<sockaddr*>(&none), 2) == 0 && listen(door, 4) == 0) keep(door);
    }
    keep(epoll_create1(0));
    keep(epoll_create1(0));
    keep(eventfd(1, EFD_NONBLOCK));
    keep(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    keep(signalfd(-1, &all, SFD_NONBLOCK));
    keep(syscall(__NR_memfd_create, "m", 3));
    keep(syscall(__NR_pidfd_open, getpid(), 0));
    keep(syscall(__NR_pidfd_open, children_[0], 0));
}

void World::make() {
    // Every fourth page is missing, and another one is read only.
    arena_ =
        static_cast<char*>(mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ground_ =
        static_cast<char*>(mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (long i = 0; i < pages; i += 4) {
        munmap(arena_ + (i + 1) * page, page);
        mprotect(arena_ + (i + 2) * page, page, PROT_READ);
    }
    close(open("file", O_CREAT | O_RDWR, 0666));
    truncate("file", 10'000);
    close(open("append", O_CREAT | O_RDWR | O_APPEND, 0666));
    mkdir("folder", 0777);
    mkdir("mount", 0777);
    mkfifo("fifo", 0666);
    if (symlink("file", "link")) errno = 0;
    for (int& child : children_)
        if ((child = fork()) == 0) {
            signal(SIGALRM, SIG_DFL);
            alarm(5);
            while (true) pause();
        }
    open_all();
}

long World::any_number() {
    switch (random_.below(8)) {
    case 0:
    case 1: return random_.below(16);
    case 2: return static_cast<long>(1ul << random_.below(64));
    case 3: return static_cast<long>((1ul << random_.below(64)) - 1);
    case 4: return -static_cast<long>(random_.below(64));
    case 5: return random_.below(1 << 20);
    case 6: return page * random_.below(16) + random_.below(3) - 1;
    default: return static_cast<long>(random_.next());
    }
}
long World::any_size() { return random_.one_in(4) ? any_number() : random_.below(3 * page); }
long World::any_descriptor() {
    if (random_.one_in(10)) return any_number();
    return count_ && !random_.one_in(8) ? descriptors_[random_.below(static_cast<unsigned>(count_))]
                                        : random_.below(40);
}
long World::any_process() {
    switch (random_.below(6)) {
    case 0: return 0;
    case 1: return getpid();
    case 2: return syscall(__NR_gettid);
    default: return children_[random_.below(4)];
    }
}

/// A place in the arena where something can be written, sometimes at a page's end.
char* World::room() {
    char* start = arena_ + 4 * page * random_.below(pages / 4);
    return random_.one_in(6) ? start + page - random_.below(64) : start + 8 * random_.below(256);
}

/// A structure that the call could mean: vectors, times, sets, lists of strings, or words of all sorts.
void World::fill(char* to, const Row& row) {
    char* end = arena_ + ((to - arena_) / page + 1) * page;
    auto* words = reinterpret_cast<long*>(to);
    auto count = static_cast<unsigned>((end - to) / 8);
    if (count > 24) count = 24;
    bool vector =
        strstr(row.name, "v") && (strstr(row.name, "read") || strstr(row.name, "write") || is(row.name, "vmsplice"));
    bool time = strstr(row.name, "time") || strstr(row.name, "sleep") || strstr(row.name, "select") ||
                strstr(row.name, "poll") || strstr(row.name, "futex") || strstr(row.name, "timer");
    bool strings = strstr(row.name, "exec");
    if (reinterpret_cast<unsigned long>(to) % 8) return; // what lies there will do
    for (unsigned i = 0; i < count; i++) {
        bool even = i % 2 == 0;
        if (vector && !random_.one_in(8))
            words[i] = even ? reinterpret_cast<long>(room()) : any_size();
        else if (time && !random_.one_in(4))
            words[i] = even ? random_.one_in(20) : random_.below(5'000'000);
        else if (strings)
            words[i] = i + 1 < count && !random_.one_in(4) ? reinterpret_cast<long>("argument") : 0;
        else
            switch (random_.below(8)) {
            case 0: words[i] = any_number(); break;
            case 1: words[i] = reinterpret_cast<long>(room()); break;
            case 2: words[i] = any_descriptor(); break;
            case 3: words[i] = any_descriptor() | static_cast<long>(random_.below(64)) << 32; break;
            case 4: words[i] = any_process(); break;
            case 5: words[i] = random_.below(100'000); break;
            default: words[i] = random_.below(4);
            }
    }
}

long World::any_pointer(const Row& row) {
    switch (random_.below(24)) {
    case 0: return 0;
    case 1: return any_number();
    case 2: return reinterpret_cast<long>(arena_ + page - random_.below(64));     // a hole behind it
    case 3: return reinterpret_cast<long>(arena_ + 2 * page + random_.below(64)); // read only
    case 4: return static_cast<long>(0xffff'8000'0000'0000ul + random_.below(1 << 30));
    default: break;
    }
    char* to = room();
    if (!random_.one_in(4)) fill(to, row);
    return reinterpret_cast<long>(to);
}

long World::any_path() {
    if (random_.one_in(16)) return any_pointer(rows[0]);
    char* to = arena_ + 4 * page * random_.below(pages / 4);
    if (random_.one_in(30)) {
        memset(to, random_.one_in(2) ? 'a' : '/', page - 1);
        to[page - 1] = 0;
    } else {
        strcpy(to, path_names[random_.below(path_count)]);
    }
    return reinterpret_cast<long>(to);
}

/// A number that this argument of this call could be; `known`: somebody knows.
long World::hinted(const Row& row, int at, bool& known) {
    known = false;
    for (const Hint& h : hints) {
        if (h.argument != at || !is(row.name, h.call)) continue;
        known = true;
        if (h.how == Hint::process) return any_process();
        if (h.how == Hint::choice) return h.values[random_.below(h.count)];
        long bits = 0;
        for (unsigned n = random_.below(4); n > 0; n--) bits |= h.values[random_.below(h.count)];
        return bits;
    }
    return 0;
}

void World::arguments(const Row& row, long (&registers)[6]) {
    for (int i = 0; i < 6; i++) {
        bool known;
        long hint = hinted(row, i, known);
        // A process is always one of ours, and clone gets no stack of nobody's.
        bool always = strstr(row.name, "kill") || strstr(row.name, "sigqueueinfo");
        if (known && (always || !random_.one_in(12))) {
            registers[i] = hint;
            continue;
        }
        switch (row.arguments[i]) {
        case path: registers[i] = any_path(); break;
        case in:
        case out: registers[i] = any_pointer(row); break;
        case fd: registers[i] = any_descriptor(); break;
        case dirfd: registers[i] = random_.one_in(2) ? AT_FDCWD : any_descriptor(); break;
        case size:
        case bytes: registers[i] = any_size(); break;
        case elements: registers[i] = random_.one_in(4) ? any_number() : random_.below(20); break;
        case address:
            registers[i] =
                random_.one_in(12) ? any_number() : reinterpret_cast<long>(ground_ + page * random_.below(pages));
            break;
        default: registers[i] = random_.one_in(4) ? any_pointer(row) : any_number();
        }
    }
    spare(row, registers);
}

/// Most calls leave the process what it needs to make more of them.
void World::spare(const Row& row, long (&registers)[6]) {
    long left = reinterpret_cast<long>(ground_) + pages * page - registers[0];
    if (row.arguments[0] == address && left > 0 && left <= pages * page && !random_.one_in(32))
        if (static_cast<unsigned long>(registers[1]) > static_cast<unsigned long>(left)) registers[1] = left;
    if (is(row.name, "clone") && registers[0] & CLONE_VM && !(registers[0] & CLONE_VFORK))
        registers[1] = reinterpret_cast<long>(arena_) + page;
}

void World::learn(const Row& row, long result) {
    if (result < 3 || result > 1023) return;
    for (const char* name : {"open*", "dup*", "memfd_create", "eventfd*", "epoll_create*", "timerfd_create",
                             "signalfd*", "pidfd_*", "creat", "socket", "accept*"})
        if (is(row.name, name)) {
            if (count_ < 64)
                descriptors_[count_++] = static_cast<int>(result);
            else
                descriptors_[random_.below(64)] = static_cast<int>(result);
            return;
        }
}
