// qemu-user: answers bad pointers by itself
// Every system call with each of its pointers bad in turn: what comes of it is printed, one line per pointer.
#include "tests/linux/bad_pointers.h"
#include <linux/capability.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>

static const Row rows[] = {
#include "build/tests/pointer_rows.h"
};

static const LeftOut left_out[] = {
    {"ptrace", "refused with EPERM, whatever it asks for"},
    {"name_to_handle_at", "file systems differ in their handles"},
    {"open_by_handle_at", "file systems differ in their handles"},
    {"syslog", "a container's log is empty"},
};

static int folder;
static timer_t timer;
static bool timer_made;

static void end_a_child() {
    if (fork() == 0) _exit(3);
    siginfo_t info;
    waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
}
static void pend_a_signal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    raise(SIGUSR1);
}
/// A blocked alarm, which ends what waits with an empty mask.
static void alarm_soon() {
    signal(SIGALRM, [](int) {});
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    struct itimerval soon{{}, {0, 10'000}};
    setitimer(ITIMER_REAL, &soon, nullptr);
}
static void make_timer() {
    struct sigevent none{};
    none.sigev_notify = SIGEV_NONE;
    if (!timer_made) timer_made = timer_create(CLOCK_MONOTONIC, &none, &timer) == 0;
}
static int datagrams[2], door;
/// One message waits to be read.
static void send_a_datagram() {
    char drain[64];
    while (recv(datagrams[1], drain, sizeof drain, 0) > 0) {}
    if (send(datagrams[0], "12345678", 8, 0) != 8) _exit(9);
}
/// One connection waits to be accepted.
static void knock() {
    int taken = accept(door, nullptr, nullptr), client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (taken >= 0) close(taken);
    sockaddr_un at{AF_UNIX, "door"};
    if (connect(client, reinterpret_cast<sockaddr*>(&at), sizeof at)) _exit(9);
}
static void rewind_folder() { lseek(folder, 0, SEEK_SET); }
static void one_group() {
    gid_t group = 0;
    syscall(__NR_setgroups, 1, &group);
}

int main(int argc, char** argv) {
    prepare(argc, argv);
    int file2 = open("file2", O_CREAT | O_RDWR, 0600), epoll = epoll_create1(0), ready = epoll_create1(0);
    folder = open("folder", O_RDONLY);
    struct epoll_event event{.events = EPOLLIN};
    CHECK(file2 >= 0 && folder >= 0 && epoll_ctl(ready, EPOLL_CTL_ADD, pipe_out, &event) == 0);
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1, clock = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK(master >= 0 && unlockpt(master) == 0 && (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) >= 0 &&
          clock >= 0);
    int self = static_cast<int>(syscall(__NR_pidfd_open, getpid(), 0));
    CHECK(self >= 0);

    const auto text = [](const char* s) { return Argument{reinterpret_cast<long>(s)}; };
    const Argument room = text(objects[5]), program = text("/proc/self/exe");
    fd_set set;
    FD_ZERO(&set);
    FD_SET(file, &set);
    struct iovec piece{objects[5], 8}, inner{nullptr, 8};
    const Argument pieces = tried(good(piece)), inner_piece = text(reinterpret_cast<char*>(&inner));
    long* const base = reinterpret_cast<long*>(&inner.iov_base);
    long list[] = {0, 0}, mask_and_size[] = {0, 8};
    const Argument inner_list = text(reinterpret_cast<char*>(list));
    const Argument word = tried(good(0)),
                   capabilities = tried(good(__user_cap_header_struct{_LINUX_CAPABILITY_VERSION_3, 0}));
    struct sigevent silent{};
    silent.sigev_notify = SIGEV_NONE;
    struct {
        unsigned long value, address;
        unsigned flags, reserved;
    } waiter{1, reinterpret_cast<unsigned long>(objects[5]), 2, 0};
    struct pollfd entry{file, POLLIN, 0};
    stack_t no_stack{};
    no_stack.ss_flags = SS_DISABLE;
    struct termios modes;
    CHECK(tcgetattr(slave, &modes) == 0);
    sockaddr_un door_name{AF_UNIX, "door"}, other_name{AF_UNIX, "other"};
    int fresh = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), lone = socket(AF_UNIX, SOCK_DGRAM, 0);
    door = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, datagrams) == 0 && fresh >= 0 && lone >= 0);
    CHECK(bind(door, reinterpret_cast<sockaddr*>(&door_name), sizeof door_name) == 0 && listen(door, 4) == 0);
    const long name_size = sizeof door_name;
    const int sender = datagrams[0], receiver = datagrams[1];
    struct iovec message_piece{objects[5], 8};
    msghdr message{}, named{}, with_control{}, bad_piece{};
    message.msg_iov = &message_piece, message.msg_iovlen = 1;
    bad_piece = named = with_control = message;
    named.msg_namelen = 16, with_control.msg_controllen = 24;
    mmsghdr messages[1]{};
    messages[0].msg_hdr = message;
    const auto inside = [&](msghdr& m) { return text(reinterpret_cast<char*>(&m)); };
    const auto slot = [](auto& pointer) { return reinterpret_cast<long*>(&pointer); };
    const Argument length = tried(good(socklen_t{16})), on = tried(good(1));
    const Argument none = Argument{0};
    const Form forms[] = {
        {"openat2", "", {plain, plain, plain, 24}},
        {"readv", "", {file, pieces, 1}},
        {"readv", "base", {file, inner_piece, 1}, nullptr, base},
        {"readv", "pipe base", {pipe_out, inner_piece, 1}, nullptr, base},
        {"writev", "", {file, pieces, 1}},
        {"writev", "base", {file, inner_piece, 1}, nullptr, base},
        {"writev", "pipe base", {pipe_in, inner_piece, 1}, nullptr, base},
        {"preadv", "", {file, pieces, 1}},
        {"preadv", "base", {file, inner_piece, 1}, nullptr, base},
        {"pwritev", "", {file, pieces, 1}},
        {"preadv2", "", {file, pieces, 1}},
        {"pwritev2", "", {file, pieces, 1}},
        {"read", "", {}},
        {"read", "pipe", {pipe_out}},
        {"write", "", {}},
        {"write", "pipe", {pipe_in}},
        {"sendfile", "", {pipe_in, file, plain, 8}},
        {"copy_file_range", "", {file, plain, file2, plain, 8, 0}},
        {"splice", "in", {file, plain, pipe_in, none, 8, 0}},
        {"splice", "out", {pipe_out, none, file2, plain, 8, 0}},
        {"splice", "of a pipe", {pipe_out, plain, file2, none, 8, 0}},
        {"fcntl", "F_GETLK", {file, F_GETLK, tried()}},
        {"fcntl", "F_SETLK", {file, F_SETLK, tried()}},
        {"fcntl", "F_SETLKW", {file, F_SETLKW, tried()}},
        {"fcntl", "F_OFD_GETLK", {file, F_OFD_GETLK, tried()}},
        {"fcntl", "F_OFD_SETLK", {file, F_OFD_SETLK, tried()}},
        {"readlinkat", "name", {plain, plain, room, 64}},
        {"readlinkat", "", {plain, text("link"), plain, 64}},
        {"getdents64", "", {folder, plain, 4096}, rewind_folder},
        {"statx", "", {plain, plain, 0, 0x7ff, plain}},
        {"mount", "", {plain, plain, text("nosuchfs"), 0, plain}},
        {"mount", "type", {none, text("folder"), plain, 0, none}},
        {"umount2", "", {}},
        {"pivot_root", "", {}},
        {"chroot", "", {}},
        {"getcwd", "", {plain, 4096}},
        {"ppoll", "", {tried(good(entry)), 1, plain, plain, 8}},
        {"pselect6", "", {file + 1, tried(good(set)), plain, plain, plain, plain}},
        {"pselect6",
         "mask",
         {0, none, none, none, plain, text(reinterpret_cast<char*>(mask_and_size))},
         nullptr,
         mask_and_size},
        {"epoll_ctl", "", {epoll, EPOLL_CTL_ADD, pipe_out, tried(good(event))}},
        {"epoll_ctl", "del", {epoll, EPOLL_CTL_DEL, pipe_out, tried(good(event))}},
        {"epoll_pwait", "", {ready, plain, 1, 0, plain, 8}},
        {"epoll_pwait2", "", {ready, plain, 1, plain, plain, 8}},
        {"timerfd_settime", "", {clock, 0, plain, plain}},
        {"timerfd_gettime", "", {clock, plain}},
        {"signalfd4", "", {-1, plain, 8, 0}},
        {"ioctl", "TCGETS", {slave, TCGETS, plain}},
        {"ioctl", "TCSETS", {slave, TCSETS, tried(good(modes))}},
        {"ioctl", "TIOCGWINSZ", {slave, TIOCGWINSZ, plain}},
        {"ioctl", "TIOCSWINSZ", {slave, TIOCSWINSZ, plain}},
        {"ioctl", "TIOCGPGRP", {slave, TIOCGPGRP, plain}},
        {"ioctl", "TIOCSPGRP", {slave, TIOCSPGRP, plain}},
        {"ioctl", "TIOCGPTN", {master, TIOCGPTN, plain}},
        {"ioctl", "TIOCSPTLCK", {master, TIOCSPTLCK, plain}},
        {"ioctl", "FIONREAD", {pipe_out, FIONREAD, plain}},
        {"ioctl", "FIONREAD of a file", {file, FIONREAD, plain}},
        {"ioctl", "FIONBIO", {pipe_out, FIONBIO, tried(good(1))}},
        {"mmap", "", {plain, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
        {"mprotect", "", {plain, 8, PROT_READ | PROT_WRITE}},
        {"mremap", "old", {plain, 4096, 8192, MREMAP_MAYMOVE, 0}},
        {"msync", "", {plain, 8, MS_SYNC}},
        {"mincore", "", {text(straddled), 8, plain}},
        {"mincore", "start", {plain, 8, text(objects[5])}},
        {"clone", "", {CLONE_PARENT_SETTID | SIGCHLD, plain, plain, 0, 0}},
        {"clone", "child's", {CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, none, none, tried(), tried()}},
        {"clone3", "", {plain, 64}},
        {"execve", "name", {plain, none, none}},
        {"execve", "", {program, plain, plain}},
        {"execve", "argument", {program, inner_list, none}, nullptr, list},
        {"execve", "variable", {program, none, inner_list}, nullptr, list},
        {"execveat", "name", {plain, plain, none, none, 0}},
        {"execveat", "", {plain, program, plain, plain, 0}},
        {"wait4", "", {-1, plain, 0, plain}, end_a_child},
        {"waitid", "", {P_ALL, 0, plain, WEXITED, plain}, end_a_child},
        {"prctl", "PR_SET_NAME", {PR_SET_NAME, tried(good("name"))}},
        {"prctl", "PR_GET_NAME", {PR_GET_NAME, tried()}},
        {"prctl", "PR_GET_PDEATHSIG", {PR_GET_PDEATHSIG, tried()}},
        {"prctl", "PR_GET_CHILD_SUBREAPER", {PR_GET_CHILD_SUBREAPER, tried()}},
        {"pidfd_send_signal", "", {self, 0, plain, 0}},
        {"getgroups", "", {8, plain}, one_group},
        {"setgroups", "", {1, plain}},
        {"capget", "", {capabilities, plain}},
        {"capset", "", {capabilities, plain}},
        {"getrlimit", "", {RLIMIT_CORE, plain}},
        {"setrlimit", "", {RLIMIT_CORE, plain}},
        {"prlimit64", "", {0, RLIMIT_CORE, plain, plain}},
        {"rt_sigaction", "", {SIGUSR1, plain, plain, 8}},
        {"rt_sigsuspend", "", {plain, 8}, alarm_soon},
        {"rt_sigtimedwait", "", {tried(good(1UL << (SIGUSR1 - 1))), plain, plain, 8}, pend_a_signal},
        {"sigaltstack", "", {tried(good(no_stack)), plain}},
        {"clock_nanosleep", "", {CLOCK_MONOTONIC, 0, plain, plain}},
        {"clock_gettime", "", {CLOCK_MONOTONIC, plain}},
        {"clock_getres", "", {CLOCK_MONOTONIC, plain}},
        {"clock_settime", "", {CLOCK_REALTIME, plain}},
        {"settimeofday", "", {}},
        {"getitimer", "", {ITIMER_VIRTUAL, plain}},
        {"setitimer", "", {ITIMER_VIRTUAL, plain, plain}},
        {"timer_create", "", {CLOCK_MONOTONIC, tried(good(silent)), plain}},
        {"timer_settime", "", {0, 0, plain, plain}, make_timer},
        {"timer_gettime", "", {0, plain}, make_timer},
        {"sched_setaffinity", "", {0, 8, tried(good(1L))}},
        {"sched_getaffinity", "", {0, 128, plain}},
        {"sched_getattr", "", {0, plain, 48, 0}},
        {"futex", "wake", {plain, FUTEX_WAKE, 1}},
        {"futex", "wait", {plain, FUTEX_WAIT, 1, plain}},
        {"futex", "requeue", {word, FUTEX_REQUEUE, 0, 0, word, 0}},
        {"futex", "compare and requeue", {word, FUTEX_CMP_REQUEUE, 0, 0, word, 0}},
        {"futex", "wake and change", {word, FUTEX_WAKE_OP, 0, 0, word, 0}},
        {"futex", "trylock", {word, FUTEX_TRYLOCK_PI}},
        {"futex_waitv", "", {tried(good(waiter)), 1, 0, plain, CLOCK_MONOTONIC}},
        {"set_robust_list", "", {plain, 24}},
        {"sethostname", "", {plain, 8}},
        {"setdomainname", "", {plain, 8}},
        {"getrandom", "", {}},
        {"socketpair", "", {AF_UNIX, SOCK_STREAM, 0, tried()}},
        {"bind", "", {lone, tried(good(other_name)), name_size}},
        {"connect", "", {fresh, tried(good(other_name)), name_size}},
        {"accept", "", {door, tried(), length}, knock},
        {"accept4", "", {door, tried(), length, 0}, knock},
        {"getsockname", "", {door, tried(), length}},
        {"getpeername", "", {sender, tried(), length}},
        {"setsockopt", "", {sender, SOL_SOCKET, SO_BROADCAST, on, 4}},
        {"setsockopt", "SO_LINGER", {sender, SOL_SOCKET, SO_LINGER, tried(), 8}},
        {"setsockopt", "SO_RCVTIMEO", {fresh, SOL_SOCKET, SO_RCVTIMEO, tried(), 16}},
        {"getsockopt", "", {sender, SOL_SOCKET, SO_TYPE, tried(), length}},
        {"getsockopt", "SO_PEERCRED", {sender, SOL_SOCKET, SO_PEERCRED, tried(), length}},
        {"sendto", "", {sender, tried(), 8, 0, none, 0}, send_a_datagram},
        {"sendto", "name", {lone, room, 8, 0, tried(good(other_name)), name_size}},
        {"recvfrom", "", {receiver, tried(), 8, 0, none, none}, send_a_datagram},
        {"recvfrom", "name", {receiver, room, 8, 0, tried(), length}, send_a_datagram},
        {"read", "socket", {receiver, tried(), 8}, send_a_datagram},
        {"write", "socket", {sender, tried(), 8}, send_a_datagram},
        {"sendmsg", "", {sender, tried(good(message)), 0}, send_a_datagram},
        {"sendmsg", "pieces", {sender, inside(bad_piece), 0}, send_a_datagram, slot(bad_piece.msg_iov)},
        {"sendmsg", "name", {lone, inside(named), 0}, nullptr, slot(named.msg_name)},
        {"sendmsg", "control", {sender, inside(with_control), 0}, send_a_datagram, slot(with_control.msg_control)},
        {"recvmsg", "", {receiver, tried(good(message)), 0}, send_a_datagram},
        {"recvmsg", "pieces", {receiver, inside(bad_piece), 0}, send_a_datagram, slot(bad_piece.msg_iov)},
        {"recvmsg", "name", {receiver, inside(named), 0}, send_a_datagram, slot(named.msg_name)},
        {"sendmmsg", "", {sender, tried(good(messages)), 1, 0}, send_a_datagram},
        {"recvmmsg", "", {receiver, tried(good(messages)), 1, 0, none}, send_a_datagram},
        {"recvmmsg", "time", {receiver, inside(messages[0].msg_hdr), 1, 0, tried()}, send_a_datagram},
        {"ioctl", "FIONREAD of a socket", {receiver, FIONREAD, tried()}, send_a_datagram},
    };
    run_table(rows, forms, left_out, bad_pointers);
    printf("paths:\n");
    run_table(rows, forms, left_out, bad_paths);
    return finish("bad_pointers");
}
