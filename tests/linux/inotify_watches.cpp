// inotify(7): instances and watches, their flags and limits; what reading, polling and /proc say.
// qemu-user: looks at pointers by itself, and keeps the event
#include "tests/linux/inotify.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <termios.h>
#include <time.h>

namespace {
void instances() {
    int fd = inotify_init();
    CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDONLY && fcntl(fd, F_GETFD) == 0);
    FAILS(EBADF, write(fd, "x", 1));
    char byte;
    FAILS(ESPIPE, pread(fd, &byte, 1, 0));
    FAILS(ENODEV, (long)mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    FAILS(EINVAL, ftruncate(fd, 0));
    FAILS(ENOTTY, ioctl(fd, TIOCGWINSZ, &byte));
    char name[40] = {};
    CHECK(readlink(PathOf{fd}.text, name, sizeof name - 1) > 0);
    printf("%s\n", name);
    close(fd);
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    FAILS(EAGAIN, read(fd, &byte, 1));
    FAILS(EAGAIN, read(fd, &byte, 0));
    close(fd);
    FAILS(EINVAL, inotify_init1(1));
    FAILS(EINVAL, inotify_init1(IN_CLOEXEC | O_APPEND));
}

void bad_arguments() {
    Instance instance;
    int fd = instance.fd, other = open("d", O_RDONLY);
    FAILS(EBADF, inotify_add_watch(-1, "d", IN_OPEN));
    FAILS(EBADF, inotify_add_watch(99, "d", IN_OPEN));
    FAILS(EINVAL, inotify_add_watch(other, "d", IN_OPEN));
    FAILS(EINVAL, inotify_add_watch(fd, "d", 0));
    FAILS(EINVAL, inotify_add_watch(-1, "d", 0));
    FAILS(EINVAL, inotify_add_watch(fd, "d", 0x00010000));
    FAILS(EINVAL, inotify_add_watch(fd, "d", 0x08000000 | IN_OPEN));
    FAILS(EINVAL, inotify_add_watch(fd, "d", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
    FAILS(EINVAL, inotify_add_watch(other, "nowhere", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
    FAILS(EINVAL, inotify_add_watch(other, "nowhere", IN_OPEN));
    FAILS(ENOENT, inotify_add_watch(fd, "nowhere", IN_OPEN));
    FAILS(ENOENT, inotify_add_watch(fd, "", IN_OPEN));
    FAILS(EFAULT, CALL(inotify_add_watch, fd, 1, IN_OPEN));
    FAILS(ENOTDIR, inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR));
    FAILS(ENOTDIR, inotify_add_watch(fd, "f/x", IN_OPEN));
    FAILS(EBADF, inotify_rm_watch(-1, 1));
    FAILS(EINVAL, inotify_rm_watch(other, 1));
    for (int wd : {0, 1, -1, 77}) FAILS(EINVAL, inotify_rm_watch(fd, wd));
    close(other);
    other = open("d", O_PATH);
    FAILS(EBADF, inotify_add_watch(other, "d", IN_OPEN));
    close(other);
    CHECK(exit_of(start([&] {
              failures = 0;
              CHECK(chmod("f", 0200) == 0 && setgid(1000) == 0 && setuid(1000) == 0);
              FAILS(EACCES, inotify_add_watch(fd, "f", IN_OPEN));
              CHECK(inotify_add_watch(fd, "e", IN_OPEN) == 1);
              return failures;
          })) == 0);
    CHECK(chmod("f", 0644) == 0);
}

void numbers() {
    Instance instance;
    CHECK(instance.watch("d") == 1 && instance.watch("f") == 2 && instance.watch("d") == 1);
    CHECK(inotify_add_watch(instance.fd, "d/../d", IN_ALL_EVENTS) == 1 && instance.watch("d/file") == 3);
    CHECK(inotify_rm_watch(instance.fd, 2) == 0);
    FAILS(EINVAL, inotify_rm_watch(instance.fd, 2));
    CHECK(instance.watch("f") == 4 && instance.watch("e") == 5 && inotify_rm_watch(instance.fd, 5) == 0);
    CHECK(instance.watch("e") == 6);
    Instance other;
    CHECK(other.watch("d") == 1);
    CHECK(chmod("d", 0755) == 0);
    printf("%s-\n%s", instance.events().get(), other.events().get());
}

void flags() {
    scene("IN_MASK_ADD", {}, [](Instance& i) {
        i.watch("d", IN_CREATE);
        i.watch("d", IN_DELETE | IN_MASK_ADD);
        make_file("d/new");
        CHECK(unlink("d/new") == 0);
        i.watch("d", IN_DELETE); // instead
        make_file("d/new");
        CHECK(unlink("d/new") == 0);
    });
    scene("IN_MASK_CREATE", {}, [](Instance& i) {
        CHECK(inotify_add_watch(i.fd, "d", IN_CREATE | IN_MASK_CREATE) == 1);
        FAILS(EEXIST, inotify_add_watch(i.fd, "d", IN_CREATE | IN_MASK_CREATE));
    });
    scene("IN_ONESHOT", {"d/file"}, [](Instance& i) {
        i.watch("d", IN_CREATE | IN_DELETE | IN_ONESHOT);
        make_file("d/new");
        CHECK(unlink("d/new") == 0);
        FAILS(EINVAL, inotify_rm_watch(i.fd, 2));
        CHECK(inotify_add_watch(i.fd, "d", IN_CREATE) == 3);
    });
    scene("IN_ONESHOT added, and taken away", {}, [](Instance& i) {
        i.watch("d", IN_CREATE);
        i.watch("d", IN_ONESHOT | IN_MASK_ADD);
        i.watch("d", IN_CREATE);
        make_file("d/a"), make_file("d/b");
        i.watch("d", IN_ONESHOT | IN_MASK_ADD);
        make_file("d/c"), make_file("d/d");
    });
    scene("IN_ONLYDIR and nothing else", {}, [](Instance& i) {
        i.watch("d/sub", IN_ONLYDIR);
        CHECK(rmdir("d/sub") == 0);
    });
    scene("IN_DONT_FOLLOW", {}, [](Instance& i) {
        CHECK(symlink("file", "d/link") == 0);
        int wd = i.watch("d/link", IN_ALL_EVENTS | IN_DONT_FOLLOW);
        CHECK(i.watch("d/file") != wd && i.watch("d/link") != wd);
        CHECK(lchown("d/link", 1, 1) == 0 && unlink("d/link") == 0);
        CHECK(symlink("sub", "d/link") == 0);
        FAILS(ENOTDIR, inotify_add_watch(i.fd, "d/link", IN_OPEN | IN_ONLYDIR | IN_DONT_FOLLOW));
        CHECK(inotify_add_watch(i.fd, "d/link", IN_OPEN | IN_ONLYDIR) > wd);
    });
    for (uint32_t flag : {0u, IN_EXCL_UNLINK + 0u})
        scene(flag ? "IN_EXCL_UNLINK" : "without IN_EXCL_UNLINK", {}, [=](Instance& i) {
            i.watch("d", IN_ALL_EVENTS | flag);
            i.watch("d/file", IN_ALL_EVENTS | flag);
            int fd = open("d/file", O_RDWR);
            CHECK(unlink("d/file") == 0 && write(fd, "x", 1) == 1 && fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0);
            close(open(PathOf{fd}.text, O_RDONLY));
            close(fd);
        });
    scene("only what is asked for", {}, [](Instance& i) {
        i.watch("d", IN_CLOSE | IN_MOVE);
        make_file("d/new", "x");
        CHECK(rename("d/new", "d/newer") == 0 && unlink("d/newer") == 0);
    });
    scene("bits that are not events", {}, [](Instance& i) {
        i.watch("d", IN_ISDIR | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW);
        make_file("d/new");
        CHECK(mkdir("d/newer", 0755) == 0);
    });
}

void merging() {
    scene("equal events are one", {"d"}, [] {
        int fd = open("d/file", O_RDWR), other = open("d/other", O_RDWR);
        for (int i = 0; i < 3; i++) CHECK(write(fd, "x", 1) == 1);
        for (int i = 0; i < 2; i++) CHECK(write(other, "x", 1) == 1 && write(fd, "x", 1) == 1);
        close(fd), close(other);
    });
    scene("two watches tell in turn", {"d", "d/file"}, [] {
        int fd = open("d/file", O_RDWR);
        for (int i = 0; i < 2; i++) CHECK(write(fd, "x", 1) == 1);
        close(fd);
    });
    scene("what has been read is not added to", {"d"}, [](Instance& i) {
        int fd = open("d/file", O_RDWR);
        CHECK(write(fd, "x", 1) == 1);
        i.events();
        CHECK(write(fd, "x", 1) == 1);
        close(fd);
    });
    scene("renames are merged whatever their cookies", {}, [](Instance& i) {
        i.watch("d", IN_MOVED_FROM);
        CHECK(rename("d/file", "e/a") == 0 && rename("d/other", "d/file") == 0 && rename("d/file", "e/b") == 0);
        make_file("d/file");
        CHECK(rename("d/file", "e/c") == 0);
    });
}

int waiting_bytes(int fd) {
    int n = -1;
    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}

void reading() {
    Instance i;
    i.watch("d", IN_CREATE | IN_DELETE);
    pollfd ready{i.fd, POLLIN | POLLOUT | POLLRDNORM, 0};
    CHECK(poll(&ready, 1, 0) == 0 && waiting_bytes(i.fd) == 0);
    int e = epoll_create1(0);
    epoll_event event{EPOLLIN | EPOLLET, {.u64 = 1}}, got[2];
    CHECK(epoll_ctl(e, EPOLL_CTL_ADD, i.fd, &event) == 0 && epoll_wait(e, got, 2, 0) == 0);
    make_file("d/123456789012345"); // with the null, 16 bytes
    CHECK(poll(&ready, 1, 0) == 1 && ready.revents == (POLLIN | POLLRDNORM) && waiting_bytes(i.fd) == 32);
    CHECK(epoll_wait(e, got, 2, 0) == 1 && epoll_wait(e, got, 2, 0) == 0);
    make_file("d/1234567890123456");
    CHECK(waiting_bytes(i.fd) == 32 + 48 && epoll_wait(e, got, 2, 0) == 1);
    make_file("d/x");
    CHECK(inotify_rm_watch(i.fd, 1) == 0 && waiting_bytes(i.fd) == 32 + 48 + 32 + 16);

    char buffer[200];
    for (size_t room : {0, 1, 15, 16, 31}) FAILS(EINVAL, read(i.fd, buffer, room));
    CHECK(read(i.fd, buffer, 32) == 32 && waiting_bytes(i.fd) == 96);
    FAILS(EINVAL, read(i.fd, buffer, 32));
    CHECK(read(i.fd, buffer, 79) == 48);
    FAILS(EFAULT, CALL(read, i.fd, 8, 100)); // the event is lost
    CHECK(waiting_bytes(i.fd) == 16 && read(i.fd, buffer, sizeof buffer) == 16);
    CHECK(poll(&ready, 1, 0) == 0);
    close(e);
}

void blocking() {
    Instance i{0};
    i.watch("d", IN_CREATE);
    pid_t child = start([&] {
        usleep(50'000);
        make_file("d/later");
    });
    char buffer[100];
    CHECK(read(i.fd, buffer, sizeof buffer) == 32);
    CHECK(exit_of(child) == 0);
    struct sigaction action{};
    action.sa_handler = [](int) {};
    CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
    itimerspec soon{};
    soon.it_value.tv_nsec = 20'000'000;
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, nullptr, &timer) == 0 && timer_settime(timer, 0, &soon, nullptr) == 0);
    FAILS(EINTR, read(i.fd, buffer, sizeof buffer));
    // A signal when there is something to read.
    action.sa_handler = SIG_DFL;
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGIO);
    CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0 && fcntl(i.fd, F_SETOWN, getpid()) == 0);
    CHECK(fcntl(i.fd, F_SETFL, O_ASYNC) == 0);
    make_file("d/signal");
    timespec second{1, 0};
    CHECK(sigtimedwait(&set, nullptr, &second) == SIGIO);
}

Text whole(const char* path) {
    Text text;
    if (FILE* f = fopen(path, "r")) {
        char line[500];
        while (fgets(line, sizeof line, f)) text.add(line);
        fclose(f);
    }
    return text;
}

void information() {
    Instance i;
    i.watch("d", IN_CREATE | IN_EXCL_UNLINK);
    i.watch("d/file", IN_ALL_EVENTS | IN_ONESHOT | IN_DONT_FOLLOW);
    i.watch("f", IN_OPEN);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", i.fd);
    Text text = whole(path);
    const char* at = strstr(text.get(), "inotify");
    CHECK(at && strncmp(text.get(), "pos:\t0\nflags:\t04000\n", 20) == 0);
    const char* paths[] = {"", "d", "d/file", "f"};
    while (at && *at) {
        unsigned wd, device, mask, bytes, type;
        unsigned long inode;
        int end = 0;
        CHECK(
            sscanf(at,
                   "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 fhandle-bytes:%x fhandle-type:%x f_handle:%n",
                   &wd, &inode, &device, &mask, &bytes, &type, &end) == 6 &&
            end && wd >= 1 && wd <= 3);
        const char *hex = at + end, *newline = strchr(at, '\n');
        CHECK(newline == hex + 2 * bytes);
        struct stat st;
        CHECK(stat(paths[wd], &st) == 0 && st.st_ino == inode && (st.st_dev >> 8 & 0xfff) == device >> 20);
        printf("%u: mask %x\n", wd, mask);
        alignas(file_handle) char memory[sizeof(file_handle) + 128];
        auto& handle = *reinterpret_cast<file_handle*>(memory);
        handle.handle_bytes = 128;
        int mount;
        CHECK(name_to_handle_at(AT_FDCWD, paths[wd], &handle, &mount, 0) == 0);
        CHECK(handle.handle_bytes == bytes && handle.handle_type == static_cast<int>(type));
        for (unsigned b = 0; b < bytes; b++) {
            char digits[3];
            snprintf(digits, sizeof digits, "%02x", handle.f_handle[b]);
            CHECK(strncmp(hex + 2 * b, digits, 2) == 0);
        }
        at = newline + 1;
    }
}

#define FOLDER "/proc/sys/fs/inotify/"
void limits() {
    Text instances = whole(FOLDER "max_user_instances"), most = whole(FOLDER "max_user_watches");
    CHECK(instances == whole("/proc/sys/user/max_inotify_instances").get());
    CHECK(most == whole("/proc/sys/user/max_inotify_watches").get() && atoi(most.get()) >= 8192);
    printf("%s%s", instances.get(), whole(FOLDER "max_queued_events").get());
    // A user of its own: no other program's instances count.
    CHECK(exit_of(start([] {
              failures = 0;
              CHECK(setgid(61'000) == 0 && setuid(61'000) == 0);
              int fds[129], n = 0;
              while (n < 129 && (fds[n] = inotify_init()) >= 0) n++;
              CHECK(n == 128);
              FAILS(EMFILE, inotify_init());
              CHECK(close(fds[0]) == 0 && (fds[0] = inotify_init()) >= 0);
              FAILS(EMFILE, inotify_init());
              return failures;
          })) == 0);
    // They are given back, also by a process that ends.
    CHECK(exit_of(start([] {
              failures = 0;
              CHECK(seteuid(61'000) == 0 && inotify_init() >= 0);
              return failures;
          })) == 0);
}

void overflow() {
    Instance i;
    i.watch("d", IN_CREATE | IN_DELETE);
    CHECK(waiting_bytes(i.fd) == 0);
    for (int n = 0; n < 8191; n++) make_file("d/n"), unlink("d/n");
    make_file("d/m"); // 16,383 now
    CHECK(waiting_bytes(i.fd) == 16'383 * 32);
    make_file("d/l");
    CHECK(waiting_bytes(i.fd) == 16'384 * 32);
    int wd = i.watch("e", IN_CREATE);
    make_file("d/k"); // too many
    CHECK(waiting_bytes(i.fd) == 16'384 * 32 + 16);
    make_file("d/j"), make_file("e/j");
    CHECK(inotify_rm_watch(i.fd, wd) == 0 && waiting_bytes(i.fd) == 16'384 * 32 + 16);
    char buffer[4096];
    int events = 0;
    uint32_t last = 0;
    for (ssize_t n; (n = read(i.fd, buffer, sizeof buffer)) > 0;)
        for (ssize_t at = 0; at < n;) {
            inotify_event event;
            memcpy(&event, buffer + at, sizeof event);
            at += static_cast<ssize_t>(sizeof event + event.len);
            events++, last = event.mask;
            CHECK(event.mask != IN_Q_OVERFLOW || (event.wd == -1 && event.len == 0 && event.cookie == 0));
        }
    Text bits;
    add_bits(bits, last);
    printf("%d events, the last one %s\n", events, bits.get());
    make_file("d/i");
    printf("%s", i.events().get());
}

void unmounting() {
    CHECK(mkdir("m", 0755) == 0 && mount("none", "m", "tmpfs", 0, nullptr) == 0);
    make_file("m/file");
    CHECK(mkdir("m/folder", 0755) == 0);
    Instance i;
    i.watch("m"), i.watch("m/file"), i.watch("m/folder", IN_OPEN);
    FAILS(EBUSY, [] {
        int fd = open("m/file", O_RDONLY);
        int got = umount("m"), error = errno;
        close(fd);
        errno = error;
        return got;
    }());
    i.events();
    CHECK(umount("m") == 0);
    Text events = i.events();
    for (const char* path : {"m:", "m/file:", "m/folder:"}) { // in the order of each
        printf("%s\n", path);
        for (const char *at = events.get(), *end; (end = strchr(at, '\n')); at = end + 1)
            if (strncmp(at + 2, path, strlen(path)) == 0) printf("%.*s\n", static_cast<int>(end - at), at);
    }
    FAILS(EINVAL, inotify_rm_watch(i.fd, 1));
    CHECK(i.watch("m") == 4);
}

void sharing() {
    // Descriptors of one instance, in two processes.
    Instance i;
    i.watch("d", IN_CREATE);
    CHECK(exit_of(start([&] {
              failures = 0;
              make_file("d/by child");
              CHECK(i.events() == "  d: CREATE by child\n" && inotify_add_watch(i.fd, "e", IN_CREATE) == 2);
              return failures;
          })) == 0);
    make_file("e/x");
    CHECK(i.events() == "  ?: CREATE x\n");
    // An instance can be watched itself, like every inode.
    CHECK(inotify_add_watch(i.fd, PathOf{i.fd}.text, IN_ALL_EVENTS) == 3);
    int copy = dup(i.fd);
    close(copy);
    CHECK(i.events() == "");
    Instance other;
    CHECK(inotify_add_watch(other.fd, PathOf{i.fd}.text, IN_ALL_EVENTS) == 1);
    i.close();
    CHECK(other.events() == "");
}
} // namespace

int main() {
    umask(022);
    CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
    make_file("d/file", "content"), make_file("f");
    instances();
    bad_arguments();
    numbers();
    flags();
    merging();
    reading();
    blocking();
    information();
    limits();
    overflow();
    unmounting();
    sharing();
    return finish("inotify_watches");
}
