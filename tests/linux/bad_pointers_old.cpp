// only: x86_64
// As bad_pointers.cpp, for the calls that only the older of the two tables has.
#include "tests/linux/bad_pointers.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static const Row rows[] = {
#include "build/tests/pointer_rows_x86_64.h"
};

static int folder;
static void rewind_folder() { lseek(folder, 0, SEEK_SET); }

int main(int argc, char** argv) {
    prepare(argc, argv);
    int ready = epoll_create1(0);
    folder = open("folder", O_RDONLY);
    struct epoll_event event{.events = EPOLLIN};
    CHECK(folder >= 0 && epoll_ctl(ready, EPOLL_CTL_ADD, pipe_out, &event) == 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(file, &set);
    struct pollfd entry{file, POLLIN, 0};
    const Form forms[] = {
        {"readlink", "name", {plain, reinterpret_cast<long>(objects[5]), 64}},
        {"readlink", "", {reinterpret_cast<long>("link"), plain, 64}},
        {"getdents", "", {folder, plain, 4096}, rewind_folder},
        {"poll", "", {tried(good(entry)), 1, 0}},
        {"select", "", {file + 1, tried(good(set)), plain, plain, plain}},
        {"epoll_wait", "", {ready, plain, 1, 0}},
        {"signalfd", "", {-1, plain, 8}},
        {"arch_prctl", "ARCH_GET_FS", {0x1003, plain}},
        {"arch_prctl", "ARCH_GET_GS", {0x1004, plain}},
    };
    static const LeftOut none[] = {{"", ""}};
    run_table(rows, forms, none, bad_pointers);
    printf("paths:\n");
    run_table(rows, forms, none, bad_paths);
    return finish("bad_pointers_old");
}
