// qemu-user: knows no MADV_REMOVE, no limits of areas and locked memory
// What mmap, munmap, mremap and madvise refuse, where mappings come to lie, and what long symbolic links cost.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <utility>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

namespace {
constexpr size_t page = 4096;
constexpr int both = PROT_READ | PROT_WRITE;
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

/// The system call itself: what the C library would not let through goes to the kernel too.
char* map(size_t size, int protection, int flags, int fd = -1, unsigned long at = 0, void* hint = nullptr) {
    return reinterpret_cast<char*>(syscall(SYS_mmap, hint, size, protection, flags, fd, at));
}
long tried(size_t size, int protection, int flags, int fd, unsigned long at) {
    return reinterpret_cast<long>(map(size, protection, flags, fd, at));
}

int file; // of 256 pages of ones

void offsets() {
    constexpr unsigned long top = 1ul << 63; // the largest file ends one byte before
    FAILS(EOVERFLOW, tried(page, PROT_READ, MAP_SHARED, file, top - page));
    FAILS(EOVERFLOW, tried(2 * page, PROT_READ, MAP_SHARED, file, top - page));
    FAILS(EOVERFLOW, tried(page, PROT_READ, MAP_PRIVATE, file, top));
    FAILS(EOVERFLOW, tried(2 * page, PROT_READ, MAP_PRIVATE, file, -page));
    FAILS(ENOMEM, tried(-page, PROT_READ, MAP_PRIVATE, file, 2 * page));
    FAILS(EINVAL, tried(0, PROT_READ, MAP_PRIVATE, file, top));
    FAILS(EINVAL, tried(page, PROT_READ, anonymous, -1, 1));
    char* p = map(page, PROT_READ, MAP_SHARED, file, top - 2 * page);
    CHECK(p != MAP_FAILED && munmap(p, page) == 0);
    p = map(2 * page, PROT_READ, anonymous, -1, -page); // means nothing without a file
    CHECK(p != MAP_FAILED && munmap(p, 2 * page) == 0);
}

void validated() {
    constexpr int checked = MAP_SHARED_VALIDATE;
    FAILS(EINVAL, tried(page, both, checked | MAP_ANONYMOUS, -1, 0));
    FAILS(EOPNOTSUPP, tried(page, both, checked | 32 << 26, file, 0));
    FAILS(EOPNOTSUPP, tried(page, both, checked | MAP_SYNC, file, 0));
    FAILS(EOPNOTSUPP, tried(page, both, checked | MAP_FIXED_NOREPLACE, file, 0));
    FAILS(EINVAL, tried(page, both, checked | MAP_HUGETLB, file, 0));
    for (int size : {21, 30}) { // of huge pages: without MAP_HUGETLB they mean nothing
        char* p = map(page, both, checked | size << 26, file, 0);
        CHECK(p != MAP_FAILED && p[0] == 1 && munmap(p, page) == 0);
    }
}

/// MAP_32BIT is x86's.
void low_addresses() {
#ifdef MAP_32BIT
    auto low = [](char* p) { return p != MAP_FAILED && reinterpret_cast<unsigned long>(p) < 1ul << 31; };
    char* all[100];
    for (char*& p : all) {
        p = map(16 * page, both, anonymous | MAP_32BIT);
        CHECK(low(p) && (p[0] = 1));
    }
    for (char* p : all) munmap(p, 16 * page);
    char* p = map(page, both, anonymous | MAP_32BIT, -1, 0, reinterpret_cast<void*>(0x7f12'3456'0000));
    CHECK(low(p) && munmap(p, page) == 0);
    auto* hint = reinterpret_cast<char*>(0x3000'0000);
    CHECK(map(page, both, anonymous | MAP_32BIT, -1, 0, hint) == hint && munmap(hint, page) == 0);
    FAILS(ENOMEM, tried(2ul << 30, PROT_NONE, anonymous | MAP_32BIT, -1, 0));
    CHECK(!low(p = map(page, both, anonymous)) && munmap(p, page) == 0);
#endif
}

void advice() {
    char* shared = map(256 * page, both, MAP_SHARED, file, 0);
    CHECK(madvise(shared + page, 2 * page, MADV_REMOVE) == 0);
    CHECK(shared[0] == 1 && shared[page] == 0 && shared[3 * page - 1] == 0 && shared[3 * page] == 1);
    char byte = 9;
    CHECK(pread(file, &byte, 1, static_cast<long>(page)) == 1 && byte == 0);
    CHECK((shared[page] = 5) && pread(file, &byte, 1, static_cast<long>(page)) == 1 && byte == 5);
    char* memory = map(16 * page, both, MAP_SHARED | MAP_ANONYMOUS);
    memset(memory, 1, 16 * page);
    CHECK(madvise(memory, 2 * page, MADV_REMOVE) == 0 && memory[0] == 0 && memory[2 * page] == 1);
    char* own = map(16 * page, both, anonymous);
    FAILS(EINVAL, madvise(own, page, MADV_REMOVE));
    char* copy = map(16 * page, both, MAP_PRIVATE, file, 0);
    FAILS(EACCES, madvise(copy, page, MADV_REMOVE));
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int read_only = open(path, O_RDONLY);
    char* seen = map(page, PROT_READ, MAP_SHARED, read_only, 0);
    FAILS(EACCES, madvise(seen, page, MADV_REMOVE));

    CHECK(mlock(shared, page) == 0);
    FAILS(EINVAL, madvise(shared, page, MADV_REMOVE));
    FAILS(EINVAL, madvise(shared, page, MADV_DONTNEED));
    CHECK(madvise(shared, page, MADV_DONTNEED_LOCKED) == 0 && shared[0] == 1);
    own[0] = 1;
    CHECK(mlock(own, page) == 0 && madvise(own, page, MADV_DONTNEED_LOCKED) == 0 && own[0] == 0);
    FAILS(EINVAL, madvise(own, page, MADV_FREE));

    FAILS(EINVAL, madvise(shared, page, MADV_WIPEONFORK));
    FAILS(EINVAL, madvise(copy, page, MADV_WIPEONFORK));
    CHECK(madvise(shared, page, MADV_KEEPONFORK) == 0 && madvise(copy, page, MADV_KEEPONFORK) == 0);
    CHECK(madvise(own, page, MADV_WIPEONFORK) == 0 && madvise(own, page, MADV_KEEPONFORK) == 0);

    munlock(shared, page);
    munmap(shared + 2 * page, page);
    FAILS(ENOMEM, madvise(shared, 4 * page, MADV_REMOVE)); // but for the gap it is done
    CHECK(shared[0] == 0 && shared[3 * page] == 0 && shared[4 * page] == 1);
    munmap(shared, 256 * page), munmap(memory, 16 * page), munmap(own, 16 * page), munmap(copy, 16 * page);
    munmap(seen, page), close(read_only);
}

/// A hole that is mapped to be read shows what comes to stand there.
void holes() {
    int fd = memfd_create("holes", 0);
    CHECK(ftruncate(fd, 8 * page) == 0);
    char* shared = map(8 * page, both, MAP_SHARED, fd, 0);
    char* copy = map(8 * page, both, MAP_PRIVATE, fd, 0);
    for (size_t i = 0; i < 8; i++) CHECK(shared[i * page] == 0 && copy[i * page] == 0);
    CHECK(pwrite(fd, "a", 1, 0) == 1 && shared[0] == 'a' && copy[0] == 'a');
    shared[page] = 'b';
    CHECK(copy[page] == 'b');
    copy[2 * page] = 'c';
    CHECK(shared[2 * page] == 0);
    CHECK(fallocate(fd, 0, 3 * page, page) == 0 && (shared[3 * page] = 'd') && copy[3 * page] == 'd');
    struct stat s;
    CHECK(fstat(fd, &s) == 0 && s.st_blocks >= 24);
    munmap(shared, 8 * page), munmap(copy, 8 * page), close(fd);
    // Nor does it get pages by being sent.
    fd = memfd_create("sent", 0);
    int null = open("/dev/null", O_WRONLY), ends[2];
    CHECK(ftruncate(fd, 64 * page) == 0 && sendfile(null, fd, nullptr, 64 * page) == 64 * page);
    long at = 0;
    CHECK(pipe(ends) == 0 && splice(fd, &at, ends[1], nullptr, 8 * page, 0) == 8 * page);
    CHECK(fstat(fd, &s) == 0 && s.st_blocks == 0);
    close(fd), close(null), close(ends[0]), close(ends[1]);
}

/// Each page from the end on becomes an area of its own until there are no more.
void most_areas() {
    constexpr size_t pages = 70'000;
    char* p = map(pages * page, PROT_NONE, anonymous | MAP_NORESERVE);
    size_t n = 1;
    for (; n < pages - 10; n++)
        if (mprotect(p + (pages - n) * page, page, n & 1 ? PROT_READ : PROT_READ | PROT_EXEC)) break;
    if (n < pages - 10) {                      // else this machine allows more than the default
        FAILS(ENOMEM, munmap(p + page, page)); // one area would become two
        CHECK(munmap(p, page) == 0);
        CHECK(munmap(p + (pages - 1) * page, page) == 0);
        CHECK(munmap(p + 3 * page, page) == 0);
        FAILS(ENOMEM, munmap(p + 6 * page, page));
    }
    munmap(p, pages * page);
}

void locked_memory() {
    int before = failures;
    pid_t child = start([before] {
        rlimit limit{8 * page, 8 * page};
        if (setrlimit(RLIMIT_MEMLOCK, &limit) || setresuid(1000, 1000, 1000)) return 1;
        char* p = map(8 * page, both, anonymous);
        if (mlock(p, 4 * page) || munmap(p + 4 * page, 4 * page)) return 2;
        FAILS(EAGAIN, reinterpret_cast<long>(mremap(p, 4 * page, 12 * page, MREMAP_MAYMOVE)));
        FAILS(EAGAIN, reinterpret_cast<long>(mremap(p, 4 * page, 12 * page, 0)));
        p = static_cast<char*>(mremap(p, 4 * page, 8 * page, MREMAP_MAYMOVE));
        CHECK(p != MAP_FAILED);
        CHECK(mremap(p, 8 * page, page, 0) == p);
        return failures - before;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/// In a tmpfs they take a page from 128 bytes on.
void long_links() {
    char text[300], link[40]; // where there is no /dev/shm, all is a tmpfs
    snprintf(link, sizeof link, "%s/rundlet-link", access("/dev/shm", W_OK) ? "." : "/dev/shm");
    memset(text, 'x', sizeof text);
    struct stat s;
    for (auto [size, blocks] : {std::pair{127, 0}, {128, 8}, {299, 8}}) {
        text[size] = 0;
        unlink(link);
        CHECK(symlink(text, link) == 0);
        CHECK(lstat(link, &s) == 0 && s.st_size == size && s.st_blocks == blocks);
        text[size] = 'x';
    }
    unlink(link);
}

void clones() {
    int a = open("a", O_RDWR | O_CREAT, 0600), b = open("b", O_RDWR | O_CREAT, 0600), here = open(".", O_RDONLY);
    int read_only = open("a", O_RDONLY), null = open("/dev/null", O_RDWR);
    file_clone_range range{a, 0, 0, 0};
    FAILS(EOPNOTSUPP, ioctl(b, FICLONE, a));
    FAILS(EOPNOTSUPP, ioctl(b, FICLONERANGE, &range));
    FAILS(EFAULT, ioctl(b, FICLONERANGE, 8));
    FAILS(EBADF, ioctl(b, FICLONE, 99));
    FAILS(EBADF, ioctl(read_only, FICLONE, b));
    FAILS(EISDIR, ioctl(b, FICLONE, here));
    FAILS(EXDEV, ioctl(b, FICLONE, null));
    close(a), close(b), close(here), close(read_only), close(null);
}
/// Ranges of a page and all behind it: that they end beyond what a program can have is found at the first hole; only
/// those that wrap round are refused at once, and a size that wraps to none asks for nothing.
void ranges_that_leave_user_memory() {
    char* page = static_cast<char*>(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t size : {size_t{1} << 50, size_t{1} << 62, size_t{1} << 63}) {
        FAILS(ENOMEM, CALL(madvise, page, size, MADV_NORMAL));
        FAILS(ENOMEM, CALL(msync, page, size, MS_SYNC));
        FAILS(ENOMEM, CALL(mlock, page, size));
        FAILS(ENOMEM, CALL(munlock, page, size));
    }
    FAILS(EINVAL, CALL(madvise, page, size_t(-4096), MADV_NORMAL));
    FAILS(EINVAL, CALL(munlock, page, size_t(-4096)));
    FAILS(ENOMEM, CALL(msync, page, size_t(-4096), MS_SYNC));
    FAILS(EINVAL, CALL(madvise, page, size_t(-1), MADV_NORMAL));
    CHECK(CALL(msync, page, size_t(-1), MS_SYNC) == 0 && CALL(mlock, page, size_t(-1)) == 0 &&
          CALL(munlock, page, size_t(-1)) == 0);
}
} // namespace

int main() {
    file = memfd_create("file", 0);
    static char ones[page];
    memset(ones, 1, page);
    for (int i = 0; i < 256; i++)
        if (write(file, ones, page) != static_cast<ssize_t>(page)) return 99;
    offsets();
    validated();
    low_addresses();
    advice();
    holes();
    most_areas();
    locked_memory();
    long_links();
    clones();
    ranges_that_leave_user_memory();
    return finish("mappings");
}
