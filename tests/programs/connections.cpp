// Many connections: `connections open N LISTENERS` holds N connections and LISTENERS listening sockets at once and says
// a byte over each both ways; `connections short N` makes and closes N, one after another. Run on Linux too.
#include "tests/linux/inet.h"
#include <sys/resource.h>

namespace {
int ends[20'000], listening[1000];

/// kB of memory that nobody uses.
long memory_free() {
    long free = 0;
    if (FILE* file = fopen("/proc/meminfo", "r")) {
        char line[100];
        while (fgets(line, sizeof line, file) && sscanf(line, "MemFree: %ld", &free) != 1) {}
        fclose(file);
    }
    return free;
}

int listener() {
    int fd = bound(SOCK_STREAM, "127.0.0.1");
    CHECK(listen(fd, 1000) == 0);
    return fd;
}

int connected(const Name& to) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, to, to.size) == 0);
    return fd;
}

/// Both ends of each stay open: connection i goes to listener i modulo their number.
void open_at_once(int count, int listeners) {
    for (int i = 0; i < listeners; i++) listening[i] = listener();
    long before = memory_free();
    for (int i = 0; i < count && !failures; i++) {
        int at = listening[i % listeners];
        ends[i * 2] = connected(name_of(at));
        ends[i * 2 + 1] = accept(at, nullptr, nullptr);
        CHECK(ends[i * 2 + 1] >= 0);
    }
    long after = memory_free();
    char byte;
    for (int i = 0; i < count * 2 && !failures; i++) {
        char sent = static_cast<char>(i);
        CHECK(send(ends[i], &sent, 1, 0) == 1 && recv(ends[i ^ 1], &byte, 1, 0) == 1 && byte == sent);
    }
    printf("%ld bytes for each idle connection, both ends\n", (before - after) * 1024 / count);
    for (int i = 0; i < count * 2; i++) close(ends[i]);
    for (int i = 0; i < listeners; i++) close(listening[i]);
    // What nobody holds comes back, but for what is in TIME-WAIT.
    CHECK(eventually([&] { return memory_free() > before - 400l * count / 1000 - 1024; }));
}

void one_after_another(int count) {
    int at = listener();
    Name to = name_of(at);
    for (int i = 0; i < count && !failures; i++) {
        int here = connected(to), there = accept(at, nullptr, nullptr);
        char byte = 0;
        CHECK(send(here, "x", 1, 0) == 1 && recv(there, &byte, 1, 0) == 1 && byte == 'x');
        // Who closes first keeps the connection in TIME-WAIT: each side in turn.
        close(i & 1 ? here : there);
        close(i & 1 ? there : here);
    }
    close(at);
}
} // namespace

int main(int argc, char** argv) {
    rlimit files{};
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    if (argc == 4 && !strcmp(argv[1], "open") && atoi(argv[2]) <= 10'000 && atoi(argv[3]) <= 1000)
        open_at_once(atoi(argv[2]), atoi(argv[3]));
    else if (argc == 3 && !strcmp(argv[1], "short"))
        one_after_another(atoi(argv[2]));
    else
        return 2;
    return finish("connections");
}
