// qemu-user: does not check the flags of pipe2, and waits for ever in FIFOs
// pipe(2), pipe2, fcntl on pipes, SIGPIPE, FIFOs.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

int main() {
    int p[2];
    char buf[70000];
    CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
    CHECK((fcntl(p[0], F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl(p[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
    FAILS(EAGAIN, read(p[0], buf, 1));
    FAILS(EBADF, write(p[0], buf, 1));
    FAILS(EBADF, read(p[1], buf, 1));
    FAILS(ESPIPE, lseek(p[0], 0, SEEK_SET));
    FAILS(EFAULT, pipe(reinterpret_cast<int*>(8)));
    FAILS(EINVAL, pipe2(p, 0x1000000));
    CHECK(fcntl(p[0], F_GETPIPE_SZ) == 65536);
    memset(buf, 'x', sizeof buf);
    CHECK(write(p[1], buf, sizeof buf) == 65536); // partial: it is non-blocking and larger than PIPE_BUF
    FAILS(EAGAIN, write(p[1], buf, 1));
    int available = 0;
    CHECK(ioctl(p[0], FIONREAD, &available) == 0 && available == 65536);
    CHECK(read(p[0], buf, 4096) == 4096);
    CHECK(write(p[1], buf, 4096) == 4096);
    pollfd watch{p[0], POLLIN, 0};
    CHECK(poll(&watch, 1, 0) == 1 && watch.revents == POLLIN);
    close(p[1]);
    while (read(p[0], buf, sizeof buf) > 0) {}
    CHECK(poll(&watch, 1, 0) == 1 && watch.revents == POLLHUP);
    CHECK(read(p[0], buf, 1) == 0);
    close(p[0]);

    CHECK(pipe(p) == 0);
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    FAILS(EPIPE, write(p[1], "x", 1));
    close(p[1]);
    CHECK(pipe(p) == 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        close(p[0]);
        for (;;)
            if (write(p[1], "y", 1) < 0) _exit(9);
    }
    close(p[1]);
    CHECK(read(p[0], buf, 1) == 1);
    close(p[0]);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);

    // A megabyte through a pipe between two processes, in odd pieces.
    CHECK(pipe(p) == 0);
    child = fork();
    if (child == 0) {
        close(p[0]);
        unsigned n = 0;
        for (size_t sent = 0; sent < 1'000'000;) {
            size_t piece = 1 + (sent * 7) % 9999;
            if (piece > 1'000'000 - sent) piece = 1'000'000 - sent;
            for (size_t i = 0; i < piece; i++) buf[i] = static_cast<char>(n++ * 31);
            if (write(p[1], buf, piece) != static_cast<ssize_t>(piece)) _exit(1);
            sent += piece;
        }
        _exit(0);
    }
    close(p[1]);
    unsigned at = 0, wrong = 0;
    ssize_t n;
    while ((n = read(p[0], buf, 7777)) > 0)
        for (ssize_t i = 0; i < n; i++) wrong += buf[i] != static_cast<char>(at++ * 31);
    CHECK(at == 1'000'000 && wrong == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(p[0]);

    CHECK(mkfifo("fifo", 0600) == 0);
    FAILS(EEXIST, mkfifo("fifo", 0600));
    FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    CHECK(reader >= 0 && read(reader, buf, 1) == 0);
    int writer = open("fifo", O_WRONLY | O_NONBLOCK);
    CHECK(writer >= 0 && write(writer, "through", 7) == 7);
    CHECK(read(reader, buf, 100) == 7 && !memcmp(buf, "through", 7));
    FAILS(EAGAIN, read(reader, buf, 1));
    unlink("fifo");
    return finish("pipes");
}
