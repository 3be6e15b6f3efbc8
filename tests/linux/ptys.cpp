// qemu-user: knows few of the requests
// Pseudo-terminals as terminal emulators meet them: first settings, long input, packet mode, settings that are held.
#include "tests/linux/check.h"
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <sys/ioctl.h>

namespace {
int master, slave;

void open_pair() {
    int unlocked = 0, number = 0;
    char path[40];
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    ioctl(master, TIOCSPTLCK, &unlocked);
    ioctl(master, TIOCGPTN, &number);
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    slave = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    CHECK(master >= 0 && slave >= 0);
}
void close_pair() { close(slave), close(master); }

bool ready(int fd, short events) {
    pollfd watch{fd, events, 0};
    return poll(&watch, 1, 0) == 1 && (watch.revents & events);
}

termios settings() {
    termios t{};
    CHECK(ioctl(slave, TCGETS, &t) == 0);
    return t;
}

void first_settings() {
    open_pair();
    termios t = settings();
    printf("%o %o %o %o\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    FAILS(ENOTTY, ioctl(slave, TIOCNOTTY));
    close_pair();
}

/// A paste of several lines is taken whole, and each line comes to the reader as it was.
void long_input() {
    open_pair();
    termios t = settings();
    t.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    CHECK(ioctl(slave, TCSETS, &t) == 0);
    static char line[3000], got[5000];
    constexpr int lines = 4;
    for (int i = 0; i < lines; i++) {
        memset(line, 'a' + i, sizeof line);
        line[sizeof line - 1] = '\n';
        for (size_t sent = 0; sent < sizeof line;) {
            ssize_t n = write(master, line + sent, sizeof line - sent);
            CHECK(n > 0);
            if (n <= 0) break;
            sent += static_cast<size_t>(n);
        }
    }
    for (int i = 0; i < lines; i++) {
        CHECK(eventually([] { return ready(slave, POLLIN); }));
        memset(line, 'a' + i, sizeof line);
        line[sizeof line - 1] = '\n';
        ssize_t n = read(slave, got, sizeof got);
        CHECK(n == static_cast<ssize_t>(sizeof line) && !memcmp(got, line, sizeof line));
    }
    // What waits is thrown away with the rest.
    for (int i = 0; i < lines; i++) CHECK(write(master, line, sizeof line) > 0);
    CHECK(eventually([] { return ready(slave, POLLIN); }));
    CHECK(eventually([] { return ioctl(slave, TCFLSH, TCIFLUSH) == 0 && !ready(slave, POLLIN); }));
    close_pair();
}

void packets() {
    open_pair();
    termios t = settings();
    t.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    CHECK(ioctl(slave, TCSETS, &t) == 0);
    int on = 1;
    char status = 0;
    CHECK(ioctl(master, TIOCPKT, &on) == 0);
    CHECK(ioctl(slave, TCFLSH, TCIFLUSH) == 0 && read(master, &status, 1) == 1 && status == TIOCPKT_FLUSHREAD);
    for (int queue : {TCIFLUSH, TCOFLUSH, TCIOFLUSH}) CHECK(ioctl(master, TCFLSH, queue) == 0);
    FAILS(EAGAIN, read(master, &status, 1));
    on = 0;
    CHECK(ioctl(master, TIOCPKT, &on) == 0);
    // The slave may write again when the master has thrown away what it has written.
    char text[100]{};
    CHECK(eventually([&] { return write(slave, text, sizeof text) < 0; }));
    CHECK(!ready(slave, POLLOUT));
    CHECK(eventually([] { return ioctl(master, TCFLSH, TCIFLUSH) == 0 && ready(slave, POLLOUT); }));
    close_pair();
}

void held_settings() {
    open_pair();
    termios held{}, t = settings(), none{};
    memset(&held, 1, sizeof held);
    CHECK(ioctl(slave, TIOCGLCKTRMIOS, &held) == 0 && !memcmp(&held, &none, sizeof held));
    held.c_lflag = ECHO;
    held.c_cc[VINTR] = 1;
    CHECK(ioctl(slave, TIOCSLCKTRMIOS, &held) == 0);
    t.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE);
    t.c_cc[VINTR] = 'q';
    t.c_cc[VQUIT] = 'r';
    CHECK(ioctl(slave, TCSETS, &t) == 0);
    t = settings();
    CHECK((t.c_lflag & ECHO) && !(t.c_lflag & ECHOE) && t.c_cc[VINTR] == 3 && t.c_cc[VQUIT] == 'r');
    CHECK(ioctl(slave, TIOCSLCKTRMIOS, &none) == 0);
    t.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    CHECK(ioctl(slave, TCSETS, &t) == 0 && !(settings().c_lflag & ECHO));
    FAILS(EFAULT, ioctl(slave, TIOCGLCKTRMIOS, 8));
    close_pair();
}
} // namespace

int main() {
    first_settings();
    long_input();
    packets();
    held_settings();
    return finish("ptys");
}
