// Bytes between processes.
#include "bench/rows/rows.h"

/// A child that answers each byte; our ends are 0 (to read) and 1 (to write).
static void echo(int ours[2]) {
    int there[2], back[2];
    check(pipe(there));
    check(pipe(back));
    if (check(fork()) == 0) {
        close(there[1]);
        close(back[0]);
        relay(there[0], back[1]);
    }
    ours[0] = back[0];
    ours[1] = there[1];
}

ROW("pipe: round trip between two processes") {
    int ends[2];
    echo(ends);
    MEASURE(100) {
        put(ends[1]);
        get(ends[0]);
    }
}

ROW("pipe: pipe+close+close") {
    int ends[2];
    MEASURE(100) {
        check(pipe(ends));
        check(close(ends[0]));
        check(close(ends[1]));
    }
}

ROW("pipe: 1 MiB to another process, per KiB") {
    static char data[65536];
    int ends[2], done[2];
    check(pipe(ends));
    check(pipe(done));
    if (check(fork()) == 0) {
        close(ends[1]);
        while (1) {
            for (ssize_t left = 1 << 20; left > 0;) {
                ssize_t n = read(ends[0], data, sizeof data);
                if (n <= 0) _exit(0);
                left -= n;
            }
            put(done[1]);
        }
    }
    divide_by(1024);
    MEASURE(2) {
        for (int i = 0; i < 16; ++i) require(write(ends[1], data, sizeof data) == sizeof data);
        get(done[0]);
    }
}
