// Pseudo-terminals: line discipline, canonical and raw mode, echo, signals from keys, job control, window size.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

namespace {
/// What the master has to say within a moment.
const char* said(int master) {
    static char text[4096];
    size_t n = 0;
    pollfd watch{master, POLLIN, 0};
    while (n < sizeof text - 1 && poll(&watch, 1, 50) == 1 && (watch.revents & POLLIN)) {
        ssize_t got = read(master, text + n, sizeof text - 1 - n);
        if (got <= 0) break;
        n += static_cast<size_t>(got);
    }
    text[n] = 0;
    return text;
}
bool is(const char* a, const char* b) {
    if (!strcmp(a, b)) return true;
    printf("  got \"");
    for (; *a; a++) printf(*a < ' ' ? "\\%o" : "%c", *a);
    printf("\"\n");
    return false;
}
void type(int master, const char* text) {
    CHECK(write(master, text, strlen(text)) == static_cast<ssize_t>(strlen(text)));
}

int master, slave;

void canonical() {
    char buf[100];
    type(master, "hello\n");
    CHECK(read(slave, buf, 100) == 6 && !memcmp(buf, "hello\n", 6));
    CHECK(is(said(master), "hello\r\n"));
    type(master, "abx\177c\r"); // DEL erases, CR becomes NL
    CHECK(read(slave, buf, 100) == 4 && !memcmp(buf, "abc\n", 4));
    CHECK(is(said(master), "abx\b \bc\r\n"));
    type(master, "gone\025kept\n"); // ^U kills the line
    CHECK(read(slave, buf, 100) == 5 && !memcmp(buf, "kept\n", 5));
    said(master);
    type(master, "one two\027three\n"); // ^W kills a word
    CHECK(read(slave, buf, 100) == 10 && !memcmp(buf, "one three\n", 10));
    said(master);
    type(master, "two\nlines\n");
    CHECK(read(slave, buf, 100) == 4);
    CHECK(read(slave, buf, 2) == 2 && read(slave, buf, 100) == 4);
    type(master, "part\004");
    CHECK(read(slave, buf, 100) == 4); // ^D hands over what there is
    type(master, "\004");
    CHECK(read(slave, buf, 100) == 0); // and alone is the end of the file
    said(master);
    CHECK(write(slave, "out\n", 4) == 4 && is(said(master), "out\r\n"));
    int n = -1;
    type(master, "xyz\n");
    pollfd arrived{slave, POLLIN, 0}; // on Linux the discipline runs a moment later
    CHECK(poll(&arrived, 1, 5000) == 1 && ioctl(slave, FIONREAD, &n) == 0 && n == 4);
    CHECK(tcflush(slave, TCIFLUSH) == 0 && ioctl(slave, FIONREAD, &n) == 0 && n == 0);
    said(master);
}

void raw() {
    termios old, t;
    CHECK(tcgetattr(slave, &old) == 0 && (old.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    t = old;
    cfmakeraw(&t);
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    char buf[100];
    type(master, "a\003\r");
    CHECK(read(slave, buf, 100) == 3 && !memcmp(buf, "a\003\r", 3));
    CHECK(is(said(master), ""));
    CHECK(write(slave, "x\n", 2) == 2 && is(said(master), "x\n"));
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 1;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    CHECK(read(slave, buf, 100) == 0); // after a tenth of a second
    t.c_cc[VMIN] = 3;
    t.c_cc[VTIME] = 0;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    type(master, "12345");
    CHECK(read(slave, buf, 4) == 4);
    CHECK(tcsetattr(slave, TCSAFLUSH, &old) == 0);
}

void jobs() {
    winsize size = {30, 100, 0, 0}, got = {};
    CHECK(ioctl(master, TIOCSWINSZ, &size) == 0 && ioctl(slave, TIOCGWINSZ, &got) == 0);
    CHECK(got.ws_row == 30 && got.ws_col == 100);
    const char* name = ptsname(master);
    int ready[2];
    CHECK(pipe(ready) == 0);
    fflush(stdout);
    pid_t leader = fork();
    if (leader == 0) {
        setsid();
        int tty = open(name, O_RDWR); // becomes the controlling terminal
        if (tty < 0 || tcgetpgrp(tty) != getpid()) _exit(1);
        if (open("/dev/tty", O_RDWR) < 0) _exit(2);
        signal(SIGTTOU, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGTSTP, SIG_IGN);
        int status;
        for (char key : {'\003', '\034', '\032'}) { // ^C, ^backslash, ^Z reach the group in the foreground
            pid_t job = fork();
            if (job == 0) {
                setpgid(0, 0);
                tcsetpgrp(tty, getpid());
                signal(SIGINT, SIG_DFL);
                signal(SIGQUIT, SIG_DFL);
                signal(SIGTSTP, SIG_DFL);
                signal(SIGTTOU, SIG_DFL);
                if (write(ready[1], &key, 1) != 1) _exit(1);
                for (;;) pause();
            }
            int expected = key == '\003' ? SIGINT : key == '\034' ? SIGQUIT : SIGTSTP;
            if (waitpid(job, &status, WUNTRACED) != job) _exit(3);
            if (expected == SIGTSTP) {
                if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTSTP) _exit(4);
                kill(-job, SIGCONT);
                kill(-job, SIGKILL);
                waitpid(job, &status, 0);
            } else if (!WIFSIGNALED(status) || WTERMSIG(status) != expected)
                _exit(5);
            if (tcsetpgrp(tty, getpid())) _exit(6);
        }
        // Reading in the background stops the reader.
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            char c;
            _exit(static_cast<int>(read(tty, &c, 1)));
        }
        if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTIN) _exit(7);
        kill(-job, SIGKILL);
        waitpid(job, &status, 0);
        _exit(44);
    }
    for (int i = 0; i < 3; i++) {
        char key;
        CHECK(read(ready[0], &key, 1) == 1);
        CHECK(until_asleep(leader)); // it waits for the job
        CHECK(write(master, &key, 1) == 1);
    }
    int status;
    CHECK(waitpid(leader, &status, 0) == leader && WIFEXITED(status));
    if (WEXITSTATUS(status) != 44) printf("leader ended with %d\n", WEXITSTATUS(status));
    CHECK(WEXITSTATUS(status) == 44);
}

void hangup() {
    signal(SIGHUP, SIG_IGN);
    close(slave);
    char c;
    said(master);
    FAILS(EIO, read(master, &c, 1));
    pollfd watch{master, POLLIN, 0};
    CHECK(poll(&watch, 1, 0) == 1 && (watch.revents & POLLHUP));
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    close(master);
    CHECK(read(slave, &c, 1) == 0);
    FAILS(EIO, write(slave, "x", 1));
}
} // namespace

int main() {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) perror("posix_openpt");
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0 && isatty(slave) == 1);
    FAILS(ENOTTY, tcgetpgrp(open("/dev/null", O_RDWR)));
    canonical();
    raw();
    jobs();
    hangup();
    return finish("terminals");
}
