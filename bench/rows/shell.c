// What busybox does for a living.
#include <sys/stat.h>

#include "bench/rows/programs.h"

ROW("app: busybox sh, a configure-like script of 1,000 commands") {
    check(chdir("/tmp"));
    few_batches();
    MEASURE(1) RUN("/bin/sh", "/bench/configure.sh");
}

ROW("app: busybox sh, 10,000 turns of a loop of built-in commands") {
    few_batches();
    MEASURE(1) RUN("/bin/sh", "-c", "i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done");
}

/// /tmp/tree: 5,000 files of a KiB in 50 folders.
static void make_tree(void) {
    static char contents[1024];
    char path[64];
    memset(contents, 'x', sizeof contents);
    check(mkdir("/tmp/tree", 0700));
    for (int i = 0; i < 5000; ++i) {
        snprintf(path, sizeof path, "/tmp/tree/%d", i / 100);
        if (i % 100 == 0) check(mkdir(path, 0700));
        snprintf(path, sizeof path, "/tmp/tree/%d/file-%d", i / 100, i % 100);
        int file = check(open(path, O_WRONLY | O_CREAT, 0600));
        require(write(file, contents, sizeof contents) == sizeof contents);
        close(file);
    }
    check(chdir("/tmp"));
}

ROW("app: busybox tar, 5,000 files into an archive") {
    make_tree();
    few_batches();
    MEASURE(1) RUN("/bin/tar", "cf", "/tmp/tree.tar", "tree");
    RUN("/bin/rm", "-r", "/tmp/tree");
}

ROW("app: busybox tar, 5,000 files out of an archive") {
    make_tree();
    RUN("/bin/tar", "cf", "/tmp/tree.tar", "tree");
    few_batches();
    MEASURE(1) RUN("/bin/tar", "xf", "/tmp/tree.tar");
}
