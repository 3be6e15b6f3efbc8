// Address spaces.
#include <sys/mman.h>

#include "bench/rows/rows.h"

enum { PAGE = 4096, PAGES = 256 };

static char* map(size_t size, int extra) {
    char* start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | extra, -1, 0);
    check((long)start);
    return start;
}

/// As many mappings as a dynamic program has. (Linux's tree of them is at its most expensive with about a dozen, where
/// each munmap merges two nodes that the next mmap splits: that is not what these rows are about.)
static void usual_mappings(void) {
    for (int i = 0; i < 40; ++i) check(mprotect(map(2 * PAGE, 0), PAGE, PROT_READ));
}

static int file_of(size_t size) {
    int file = check(open("/tmp/mapped", O_RDWR | O_CREAT, 0600));
    static const char page[PAGE] = "x";
    for (size_t i = 0; i < size; i += PAGE) require(pwrite(file, page, PAGE, (off_t)i) == PAGE);
    return file;
}

/// Touches each page once: an operation is one page.
static void touch(volatile char* start, size_t pages, int write) {
    for (size_t i = 0; i < pages; ++i)
        if (write)
            start[i * PAGE] = 1;
        else
            (void)start[i * PAGE];
}

static void anonymous_faults(int write) {
    divide_by(PAGES);
    MEASURE(4) {
        char* start = map(PAGES * PAGE, 0);
        touch(start, PAGES, write);
        check(munmap(start, PAGES * PAGE));
    }
}

ROW("memory: fault, anonymous write, with its share of mmap+munmap of 1 MiB") { anonymous_faults(1); }

ROW("memory: fault, anonymous read, likewise") { anonymous_faults(0); }

static void file_faults(int flags, int write) {
    int file = file_of(PAGES * PAGE);
    divide_by(PAGES);
    MEASURE(4) {
        char* start = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, file, 0);
        check((long)start);
        touch(start, PAGES, write);
        check(munmap(start, PAGES * PAGE));
    }
}

ROW("memory: fault, file read, likewise") { file_faults(MAP_SHARED, 0); }
ROW("memory: fault, shared file write, likewise") { file_faults(MAP_SHARED, 1); }
ROW("memory: fault, private file write, likewise") { file_faults(MAP_PRIVATE, 1); }

ROW("memory: fault, copy-on-write after fork, with its share of fork+exit+wait") {
    char* start = map(PAGES * PAGE, 0);
    touch(start, PAGES, 1);
    divide_by(PAGES);
    MEASURE(4) {
        pid_t child = check(fork());
        if (child == 0) {
            touch(start, PAGES, 1);
            _exit(0);
        }
        reap(child);
    }
}

ROW("memory: mmap+munmap 4 KiB") {
    usual_mappings();
    MEASURE(200) check(munmap(map(PAGE, 0), PAGE));
}

ROW("memory: mmap+touch+munmap 4 KiB") {
    usual_mappings();
    MEASURE(200) {
        char* start = map(PAGE, 0);
        *(volatile char*)start = 1;
        check(munmap(start, PAGE));
    }
}

ROW("memory: mmap+munmap 64 MiB") {
    usual_mappings();
    MEASURE(100) check(munmap(map(64 << 20, 0), 64 << 20));
}

ROW("memory: mmap populated 64 MiB+munmap, per page") {
    divide_by((64 << 20) / PAGE);
    MEASURE(1) check(munmap(map(64 << 20, MAP_POPULATE), 64 << 20));
}

ROW("memory: touch 64 MiB of fresh memory, with its share of mmap+munmap, per page") {
    divide_by((64 << 20) / PAGE);
    MEASURE(1) {
        char* start = map(64 << 20, 0);
        touch(start, (64 << 20) / PAGE, 1);
        check(munmap(start, 64 << 20));
    }
}

ROW("memory: mprotect of a page, off and on") {
    usual_mappings();
    char* start = map(16 * PAGE, 0);
    touch(start, 16, 1);
    MEASURE(200) {
        check(mprotect(start + 4 * PAGE, PAGE, PROT_READ));
        check(mprotect(start + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE));
    }
}

ROW("memory: mprotect of 256 touched pages, off and on, per page") {
    char* start = map(PAGES * PAGE, 0);
    touch(start, PAGES, 1);
    divide_by(PAGES);
    MEASURE(10) {
        check(mprotect(start, PAGES * PAGE, PROT_READ));
        check(mprotect(start, PAGES * PAGE, PROT_READ | PROT_WRITE));
    }
}

ROW("memory: brk, a page up, touched, and down") {
    usual_mappings();
    char* end = (char*)syscall(SYS_brk, 0);
    MEASURE(100) {
        require((char*)syscall(SYS_brk, end + PAGE) == end + PAGE);
        *(volatile char*)end = 1;
        require((char*)syscall(SYS_brk, end) == end);
    }
}

ROW("memory: madvise DONTNEED and touch a page") {
    char* start = map(PAGE, 0);
    MEASURE(100) {
        *(volatile char*)start = 1;
        check(madvise(start, PAGE, MADV_DONTNEED));
    }
}

ROW("memory: mremap 64 KiB to 128 KiB and back") {
    usual_mappings();
    char* start = map(16 * PAGE, 0);
    touch(start, 16, 1);
    MEASURE(50) {
        start = mremap(start, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
        check((long)start);
        start = mremap(start, 32 * PAGE, 16 * PAGE, 0);
        check((long)start);
    }
}
