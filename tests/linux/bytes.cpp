// qemu-user: has no preadv2
// A file's bytes beside plain reads and writes: at an offset, in vectors, copied, allocated ahead, advised, written
// back.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef RWF_HIPRI // linux/fs.h defines what musl's headers define too
#define RWF_HIPRI 1
#endif
#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif
#ifndef RWF_DSYNC
#define RWF_DSYNC 2
#endif

namespace {
int fd, path, ends[2];

bool file_is(const char* text) {
    char all[64] = {};
    return CALL(pread64, fd, all, sizeof all, 0l) == static_cast<long>(strlen(text)) && strcmp(all, text) == 0;
}
long position() { return lseek(fd, 0, SEEK_CUR); }

void at_an_offset() {
    char text[16] = {};
    CHECK(CALL(pwrite64, fd, "abcdef", 6ul, 0l) == 6 && position() == 0);
    CHECK(CALL(pwrite64, fd, "XY", 2ul, 2l) == 2 && file_is("abXYef"));
    CHECK(CALL(pread64, fd, text, 3ul, 4l) == 2 && memcmp(text, "ef", 2) == 0 && CALL(pread64, fd, text, 3ul, 6l) == 0);
    FAILS(EINVAL, CALL(pread64, fd, text, 3ul, -1l));
    FAILS(EINVAL, CALL(pwrite64, fd, text, 3ul, -1l));
    FAILS(ESPIPE, CALL(pread64, ends[0], text, 3ul, 0l));
    FAILS(EBADF, CALL(pread64, path, text, 3ul, 0l));

    iovec parts[2] = {{text, 1}, {text + 1, 3}}, out[2] = {{const_cast<char*>("12"), 2}, {const_cast<char*>("3"), 1}};
    CHECK(CALL(preadv, fd, parts, 2, 1l, 0) == 4 && memcmp(text, "bXYe", 4) == 0);
    CHECK(CALL(pwritev, fd, out, 2, 1l, 0) == 3 && file_is("a123ef") && position() == 0);
    FAILS(EINVAL, CALL(preadv, fd, parts, 2, -1l, 0));
    FAILS(EINVAL, CALL(pwritev, fd, out, -1, 0l, 0));
    // An offset of -1 is the file's own position.
    CHECK(CALL(preadv2, fd, parts, 2, -1l, 0, 0) == 4 && memcmp(text, "a123", 4) == 0 && position() == 4);
    CHECK(CALL(pwritev2, fd, out, 2, -1l, 0, RWF_DSYNC) == 3 && position() == 7 && file_is("a123123"));
    CHECK(CALL(preadv2, fd, parts, 2, 0l, 0, 0) == 4 && CALL(pwritev2, fd, out, 1, 0l, 0, 0) == 2 && position() == 7);
    // RWF_APPEND goes to the end, and moves the position only where it is asked for.
    CHECK(CALL(pwritev2, fd, out, 2, 0l, 0, RWF_APPEND) == 3 && position() == 7 &&
          file_is("12231"
                  "23123"));
    CHECK(lseek(fd, 1, SEEK_SET) == 1 && CALL(pwritev2, fd, out, 1, -1l, 0, RWF_APPEND) == 2 && position() == 12);
    CHECK(CALL(preadv2, fd, parts, 2, 0l, 0, RWF_APPEND) == 4 && memcmp(text, "1223", 4) == 0);
    CHECK(ftruncate(fd, 7) == 0 && lseek(fd, 7, SEEK_SET) == 7);
    FAILS(EOPNOTSUPP, CALL(preadv2, fd, parts, 2, 0l, 0, 1 << 20));
    FAILS(EOPNOTSUPP, CALL(pwritev2, fd, out, 2, 0l, 0, 1 << 20));
    FAILS(EINVAL, CALL(preadv2, fd, parts, 2, -2l, 0, 0));
    FAILS(EINVAL, CALL(pwritev2, fd, out, 1025, 0l, 0, 0));
}

void copied() {
    int to = open("copy", O_CREAT | O_RDWR | O_TRUNC, 0600), ends_only = open("copy", O_WRONLY | O_APPEND);
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, "0123456789", 10, 0) == 10);
    long from_at = 2, to_at = 5;
    lseek(fd, 1, SEEK_SET);
    CHECK(CALL(copy_file_range, fd, &from_at, to, &to_at, 4ul, 0) == 4 && from_at == 6 && to_at == 9 &&
          position() == 1);
    char text[16] = {};
    CHECK(pread(to, text, sizeof text, 0) == 9 && memcmp(text,
                                                         "\0\0\0\0\0"
                                                         "2345",
                                                         9) == 0);
    CHECK(CALL(copy_file_range, fd, nullptr, to, nullptr, 100ul, 0) == 9 && position() == 10);
    CHECK(CALL(copy_file_range, fd, nullptr, to, nullptr, 100ul, 0) == 0);
    from_at = 0, to_at = 20;
    CHECK(CALL(copy_file_range, fd, &from_at, fd, &to_at, 10ul, 0) == 10 && lseek(fd, 0, SEEK_END) == 30); // one file
    from_at = 0, to_at = 4;
    FAILS(EINVAL, CALL(copy_file_range, fd, &from_at, fd, &to_at, 10ul, 0)); // onto itself
    FAILS(EINVAL, CALL(copy_file_range, fd, nullptr, to, nullptr, 1ul, 1));
    FAILS(EBADF, CALL(copy_file_range, fd, nullptr, ends_only, nullptr, 1ul, 0));
    FAILS(EBADF, CALL(copy_file_range, ends_only, nullptr, to, nullptr, 1ul, 0));
    FAILS(EINVAL, CALL(copy_file_range, ends[0], nullptr, to, nullptr, 1ul, 0));
    int folder = open(".", O_RDONLY);
    FAILS(EISDIR, CALL(copy_file_range, folder, nullptr, to, nullptr, 1ul, 0));
    for (int each : {to, ends_only, folder}) close(each);
}

void allocated() {
    struct stat s;
    CHECK(ftruncate(fd, 0) == 0 && CALL(fallocate, fd, 0, 0l, 10'000l) == 0 && fstat(fd, &s) == 0);
    CHECK(s.st_size == 10'000 && s.st_blocks >= 16);
    CHECK(CALL(fallocate, fd, FALLOC_FL_KEEP_SIZE, 0l, 50'000l) == 0 && fstat(fd, &s) == 0);
    CHECK(s.st_size == 10'000 && s.st_blocks >= 96);
    char text[8] = {};
    CHECK(pwrite(fd, "abcdefgh", 8, 4092) == 8);
    CHECK(CALL(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4094l, 4l) == 0);
    CHECK(pread(fd, text, 8, 4092) == 8 && memcmp(text, "ab\0\0\0\0gh", 8) == 0);
    FAILS(EOPNOTSUPP, CALL(fallocate, fd, FALLOC_FL_PUNCH_HOLE, 0l, 4096l)); // it keeps the size and must say so
    FAILS(EOPNOTSUPP, CALL(fallocate, fd, 1 << 20, 0l, 4096l));
    FAILS(EINVAL, CALL(fallocate, fd, 0, -1l, 4096l));
    FAILS(EINVAL, CALL(fallocate, fd, 0, 0l, 0l));
    FAILS(EFBIG, CALL(fallocate, fd, 0, 0x7fff'ffff'ffff'ffffl, 4096l));
    FAILS(ESPIPE, CALL(fallocate, ends[1], 0, 0l, 4096l));
    FAILS(EBADF, CALL(fallocate, ends[0], 0, 0l, 4096l));
    FAILS(EBADF, CALL(fallocate, path, 0, 0l, 4096l));
    int null = open("/dev/null", O_RDWR), folder = open(".", O_RDONLY);
    FAILS(ENODEV, CALL(fallocate, null, 0, 0l, 4096l));
    FAILS(EBADF, CALL(fallocate, folder, 0, 0l, 4096l));
    close(null);
    close(folder);
}

void advised() {
    for (int advice : {POSIX_FADV_NORMAL, POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED,
                       POSIX_FADV_NOREUSE, POSIX_FADV_DONTNEED})
        CHECK(CALL(fadvise64, fd, 0l, 4096l, advice) == 0);
    CHECK(pwrite(fd, "kept", 4, 0) == 4 && CALL(fadvise64, fd, 0l, 0l, POSIX_FADV_DONTNEED) == 0);
    char text[4];
    CHECK(pread(fd, text, 4, 0) == 4 && memcmp(text, "kept", 4) == 0); // advice loses nothing
    FAILS(EINVAL, CALL(fadvise64, fd, 0l, 4096l, 77));
    FAILS(EINVAL, CALL(fadvise64, fd, 0l, -1l, POSIX_FADV_NORMAL));
    FAILS(ESPIPE, CALL(fadvise64, ends[0], 0l, 0l, POSIX_FADV_NORMAL));
    FAILS(EBADF, CALL(fadvise64, path, 0l, 0l, POSIX_FADV_NORMAL));
    int writer = open("file", O_WRONLY);
    CHECK(CALL(readahead, fd, 0l, 4096ul) == 0 && CALL(readahead, fd, 1l << 40, 4096ul) == 0);
    FAILS(EBADF, CALL(readahead, writer, 0l, 4096ul));
    FAILS(EBADF, CALL(readahead, -1, 0l, 4096ul));
    FAILS(EINVAL, CALL(readahead, ends[0], 0l, 4096ul));
    close(writer);
}

void written_back() {
    int folder = open(".", O_RDONLY), reader = open("file", O_RDONLY), null = open("/dev/null", O_RDWR);
    for (int each : {fd, reader, folder}) // a reader may ask too
        CHECK(CALL(fsync, each) == 0 && CALL(fdatasync, each) == 0 && CALL(syncfs, each) == 0);
    for (int none : {ends[0], null}) {
        FAILS(EINVAL, CALL(fsync, none));
        FAILS(EINVAL, CALL(fdatasync, none));
        CHECK(CALL(syncfs, none) == 0);
    }
    for (int none : {path, -1}) {
        FAILS(EBADF, CALL(fsync, none));
        FAILS(EBADF, CALL(fdatasync, none));
        FAILS(EBADF, CALL(syncfs, none));
        FAILS(EBADF, CALL(sync_file_range, none, 0l, 0l, 0));
    }
    constexpr unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    CHECK(CALL(sync_file_range, fd, 0l, 0l, all) == 0 && CALL(sync_file_range, reader, 100l, 50l, 0) == 0);
    FAILS(EINVAL, CALL(sync_file_range, fd, 0l, 0l, 8));
    FAILS(EINVAL, CALL(sync_file_range, fd, -1l, 0l, all));
    FAILS(EINVAL, CALL(sync_file_range, fd, 0l, -1l, all));
    FAILS(EINVAL, CALL(sync_file_range, fd, 0x7fff'ffff'ffff'ffffl, 2l, all));
    FAILS(ESPIPE, CALL(sync_file_range, ends[0], 0l, 0l, all));
    FAILS(ESPIPE, CALL(sync_file_range, null, 0l, 0l, all));
    CHECK(CALL(sync) == 0);
    for (int each : {folder, reader, null}) close(each);
}
} // namespace

int main() {
    fd = open("file", O_CREAT | O_RDWR, 0600), path = open("file", O_PATH);
    CHECK(fd >= 0 && path >= 0 && pipe(ends) == 0);
    at_an_offset();
    copied();
    allocated();
    advised();
    written_back();
    return finish("bytes");
}
