// Applications from Debian's packages, unpacked into the root file system. The servers answer a client of our own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench/rows/programs.h"

ROW("app: SQLite, a table of 2,000 rows, an index, queries") {
    few_batches();
    MEASURE(1) RUN_WITH_INPUT("/bench/queries.sql", "/usr/bin/sqlite3", "/tmp/bench.db");
    unlink("/tmp/bench.db");
}

ROW("app: CPython, start and end") { MEASURE(1) RUN("/usr/bin/python3.11", "-S", "-E", "-c", "pass"); }

ROW("app: CPython, a program of classes, lists and dictionaries") {
    few_batches();
    MEASURE(1) RUN("/usr/bin/python3.11", "-S", "-E", "/bench/stones.py");
}

ROW("app: gcc, a C file of 300 lines to an object file") {
    few_batches();
    MEASURE(1) RUN("/usr/bin/gcc-12", "-ffreestanding", "-O1", "-c", "/bench/compiled.c", "-o", "/tmp/compiled.o");
}

static int client(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    for (int i = 0; i < 100; ++i) { // until the server listens
        int file = check(socket(AF_INET, SOCK_STREAM, 0));
        if (connect(file, (struct sockaddr*)&address, sizeof address) == 0) {
            check(setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
            return file;
        }
        close(file);
        usleep(100000);
    }
    wrong("the server listens within ten seconds");
}

static void ask(int file, const char* request, const char* beginning, const char* end) {
    static char answer[72 * 1024];
    size_t size = 0, begins = strlen(beginning), ends = strlen(end);
    require(write(file, request, strlen(request)) == (ssize_t)strlen(request));
    while (size < begins || size < ends || memcmp(answer + size - ends, end, ends) != 0) {
        ssize_t n = read(file, answer + size, sizeof answer - size);
        require(n > 0);
        size += (size_t)n;
    }
    require(memcmp(answer, beginning, begins) == 0);
}

/// A system without sockets says so before a server is started.
static void need_sockets(void) { close(check(socket(AF_INET, SOCK_STREAM, 0))); }

ROW("app: Redis, SET and GET") {
    need_sockets();
    start((char*[]){"/usr/bin/redis-server", "--port", "7100", "--save", "", NULL}, "/dev/null", "/dev/null");
    int server = client(7100);
    MEASURE(50) {
        ask(server, "SET key value\r\n", "+OK", "\r\n");
        ask(server, "GET key\r\n", "$5\r\nvalue", "\r\n");
    }
}

ROW("app: Redis, GET, 16 at once, per GET") {
    static char requests[16 * 9 + 1], answers[16 * 11 + 1];
    for (int i = 0; i < 16; ++i) {
        strcat(requests, "GET key\r\n");
        strcat(answers, "$5\r\nvalue\r\n");
    }
    need_sockets();
    start((char*[]){"/usr/bin/redis-server", "--port", "7100", "--save", "", NULL}, "/dev/null", "/dev/null");
    int server = client(7100);
    ask(server, "SET key value\r\n", "+OK", "\r\n");
    divide_by(16);
    MEASURE(10) ask(server, requests, answers, "\r\n");
}

static int nginx(int port) {
    need_sockets();
    start((char*[]){"/usr/sbin/nginx", "-c", "/bench/nginx.conf", "-e", "/dev/null", NULL}, "/dev/null", "/dev/null");
    return client(port);
}

ROW("app: nginx, GET of a file of 1 KiB") {
    int server = nginx(7200);
    MEASURE(50) ask(server, "GET /kilobyte HTTP/1.1\r\nHost: bench\r\n\r\n", "HTTP/1.1 200 OK", "the end\n");
}

ROW("app: nginx, GET of a file of 1 KiB, a connection for each") {
    nginx(7200);
    MEASURE(20) {
        int server = client(7200);
        ask(server, "GET /kilobyte HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK",
            "the end\n");
        check(close(server));
    }
}

ROW("app: nginx, GET of a file of 64 KiB by sendfile") {
    static char data[65536];
    const char end[] = "the end\n";
    memcpy(data + sizeof data - strlen(end), end, strlen(end));
    int file = check(open("/tmp/large", O_WRONLY | O_CREAT, 0644));
    require(write(file, data, sizeof data) == sizeof data);
    int server = nginx(7201);
    MEASURE(20) ask(server, "GET /large HTTP/1.1\r\nHost: bench\r\n\r\n", "HTTP/1.1 200 OK", end);
}
