// `names hold`: binds an abstract name and one in /tmp, and stays. `names try`: says what becomes of somebody who
// connects to them, and who binds them.
#include <errno.h>
#include <initializer_list>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int, char** argv) {
    bool hold = argv[1] && !strcmp(argv[1], "hold");
    for (const char* name : {"@shared", "/tmp/door"}) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        strcpy(at.sun_path, name);
        if (name[0] == '@') at.sun_path[0] = 0;
        auto* address = reinterpret_cast<sockaddr*>(&at);
        socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + strlen(name));
        int fd = socket(AF_UNIX, SOCK_STREAM, 0), own = socket(AF_UNIX, SOCK_STREAM, 0);
        if (!hold) printf("%s: connect: %s\n", name, connect(fd, address, size) ? strerror(errno) : "done");
        printf("%s: bind: %s\n", name, bind(own, address, size) || listen(own, 1) ? strerror(errno) : "done");
    }
    fflush(stdout);
    while (hold) pause();
}
