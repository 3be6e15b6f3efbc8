// stress N [PROGRAM [ARGUMENT...]]: starts N processes at once and waits for them all. Without a program each counts a
// while and ends. Prints how many ended well; the status is 0 when all did.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
    long count = argc > 1 ? atol(argv[1]) : 0;
    if (count <= 0) {
        dprintf(STDERR_FILENO, "usage: stress N [PROGRAM [ARGUMENT...]]\n");
        return 2;
    }
    long started = 0, good = 0;
    for (; started < count; started++) {
        pid_t pid = fork();
        if (pid < 0) {
            dprintf(STDERR_FILENO, "stress: fork: %s\n", strerror(errno));
            break;
        }
        if (pid == 0) {
            if (argc > 2) {
                execvp(argv[2], argv + 2);
                _exit(127);
            }
            for (volatile int i = 0; i < 100'000; i = i + 1) {}
            _exit(0);
        }
    }
    for (long waited = 0; waited < started;) {
        int status;
        if (wait4(-1, &status, 0, nullptr) < 0) {
            if (errno == EINTR) continue;
            dprintf(STDERR_FILENO, "stress: wait4: %s\n", strerror(errno));
            return 1;
        }
        waited++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) good++;
    }
    printf("stress: %ld started, %ld ended well\n", started, good);
    return good == count ? 0 : 1;
}
