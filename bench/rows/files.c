// Names and files on tmpfs.
#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "bench/rows/rows.h"

static int new_file(const char* path, size_t size) {
    int file = check(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
    static char block[65536];
    memset(block, 'x', sizeof block);
    for (size_t n; size; size -= n) {
        n = size < sizeof block ? size : sizeof block;
        require(write(file, block, n) == (ssize_t)n);
    }
    return file;
}

static void folder(const char* path) {
    if (mkdir(path, 0700) < 0 && errno != EEXIST) check(-1);
}

static void eight_components(void) {
    char path[64] = "/tmp";
    for (int i = 0; i < 6; ++i) {
        strcat(path, "/part");
        folder(path);
    }
    close(new_file(strcat(path, "/file"), 1));
}

ROW("file: open+close") {
    close(new_file("/tmp/file", 1));
    MEASURE(500) check(close(check(open("/tmp/file", O_RDONLY))));
}

ROW("file: open+close /dev/null") { MEASURE(500) check(close(check(open("/dev/null", O_RDONLY)))); }

ROW("file: stat") {
    struct stat result;
    close(new_file("/tmp/file", 1));
    MEASURE(500) check(stat("/tmp/file", &result));
}

ROW("file: stat, path of 8 components") {
    struct stat result;
    eight_components();
    MEASURE(500) check(stat("/tmp/part/part/part/part/part/part/file", &result));
}

ROW("file: stat, no such file") {
    struct stat result;
    MEASURE(500) require(stat("/tmp/no-such-file", &result) == -1 && errno == ENOENT);
}

ROW("file: fstat") {
    struct stat result;
    int file = new_file("/tmp/file", 1);
    MEASURE(500) check(fstat(file, &result));
}

ROW("file: access") {
    close(new_file("/tmp/file", 1));
    MEASURE(500) check(access("/tmp/file", R_OK));
}

ROW("file: lseek") {
    int file = new_file("/tmp/file", 1);
    MEASURE(500) check(lseek(file, 0, SEEK_SET));
}

ROW("file: dup+close") {
    int file = new_file("/tmp/file", 1);
    MEASURE(500) check(close(check(dup(file))));
}

ROW("file: readlink") {
    char target[64];
    unlink("/tmp/link");
    check(symlink("/tmp/file", "/tmp/link"));
    MEASURE(500) require(readlink("/tmp/link", target, sizeof target) == 9);
}

ROW("file: getcwd") {
    char path[64];
    check(chdir("/tmp"));
    MEASURE(500) require(getcwd(path, sizeof path) != NULL);
}

ROW("file: getdents of 1,000") {
    char path[64];
    folder("/tmp/many");
    for (int i = 0; i < 1000; ++i) {
        snprintf(path, sizeof path, "/tmp/many/file-%d", i);
        close(new_file(path, 0));
    }
    int many = check(open("/tmp/many", O_RDONLY | O_DIRECTORY));
    static char entries[32768];
    MEASURE(5) {
        long bytes = 0, n;
        check(lseek(many, 0, SEEK_SET));
        while ((n = check(syscall(SYS_getdents64, many, entries, sizeof entries))) > 0) bytes += n;
        require(bytes >= 24 * 1002);
    }
}

ROW("file: pread 1 byte") {
    char byte;
    int file = new_file("/tmp/file", 4096);
    MEASURE(500) require(pread(file, &byte, 1, 100) == 1);
}

ROW("file: pread 4 KiB") {
    static char page[4096];
    int file = new_file("/tmp/file", 65536);
    MEASURE(200) require(pread(file, page, sizeof page, 8192) == sizeof page);
}

ROW("file: pread 1 MiB") {
    static char data[1 << 20];
    int file = new_file("/tmp/file", sizeof data);
    MEASURE(5) require(pread(file, data, sizeof data, 0) == sizeof data);
}

ROW("file: pwrite 4 KiB over") {
    static char page[4096];
    int file = new_file("/tmp/file", 65536);
    MEASURE(200) require(pwrite(file, page, sizeof page, 8192) == sizeof page);
}

ROW("file: create+write 4 KiB+close+unlink") {
    static char page[4096];
    MEASURE(100) {
        int file = check(open("/tmp/new", O_WRONLY | O_CREAT | O_EXCL, 0600));
        require(write(file, page, sizeof page) == sizeof page);
        check(close(file));
        check(unlink("/tmp/new"));
    }
}

ROW("file: create+close+unlink") {
    MEASURE(100) {
        check(close(check(open("/tmp/new", O_WRONLY | O_CREAT | O_EXCL, 0600))));
        check(unlink("/tmp/new"));
    }
}

ROW("file: mkdir+rmdir") {
    MEASURE(100) {
        check(mkdir("/tmp/new-folder", 0700));
        check(rmdir("/tmp/new-folder"));
    }
}

ROW("file: rename") {
    close(new_file("/tmp/a", 1));
    MEASURE(100) {
        check(rename("/tmp/a", "/tmp/b"));
        check(rename("/tmp/b", "/tmp/a"));
    }
}

ROW("file: sendfile 64 KiB to a pipe and drain, per KiB") {
    static char sink[65536];
    int file = new_file("/tmp/file", 65536), ends[2];
    check(pipe(ends));
    divide_by(64);
    MEASURE(20) {
        off_t offset = 0;
        for (ssize_t left = 65536; left > 0;) left -= check(sendfile(ends[1], file, &offset, (size_t)left));
        for (ssize_t left = 65536; left > 0;) left -= check(read(ends[0], sink, sizeof sink));
    }
}
