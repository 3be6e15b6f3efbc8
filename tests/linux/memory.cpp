// qemu-user: knows no MAP_FIXED_NOREPLACE, no errors of madvise
// mmap, munmap, mprotect, mremap, brk, madvise, file mappings, shared mappings, and the errors of each.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace {
constexpr size_t page = 4096;

char* map(size_t size, int protection, int flags, int fd = -1, off_t at = 0) {
    return static_cast<char*>(mmap(nullptr, size, protection, flags, fd, at));
}

/// The signal that `body` dies of in a child, 0 for none.
int dies_of(auto body) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void anonymous() {
    char* p = map(16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    CHECK(p != MAP_FAILED);
    for (size_t i = 0; i < 16 * page; i += 512) CHECK(p[i] == 0);
    memset(p, 7, 16 * page);
    CHECK(munmap(p + 4 * page, 4 * page) == 0);
    CHECK(p[3 * page] == 7 && p[8 * page] == 7);
    CHECK(dies_of([&] { p[5 * page] = 1; }) == SIGSEGV);
    char* again =
        static_cast<char*>(mmap(p + 4 * page, 4 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CHECK(again == p + 4 * page && again[0] == 0);
    CHECK(mmap(p, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
          errno == EEXIST);
    CHECK(mprotect(p, 16 * page, PROT_READ) == 0);
    CHECK(dies_of([&] { p[0] = 1; }) == SIGSEGV);
    CHECK(mprotect(p, 2 * page, PROT_READ | PROT_WRITE) == 0 && (p[page] = 9) == 9);
    CHECK(mprotect(p, page, PROT_NONE) == 0);
    CHECK(dies_of([&] { *const_cast<volatile char*>(p); }) == SIGSEGV);
    CHECK(mprotect(p, page, PROT_READ) == 0 && p[0] == 7);
    CHECK(munmap(p, 16 * page) == 0);
    CHECK(munmap(p, 16 * page) == 0); // nothing there: no error
    FAILS(ENOMEM, mprotect(p, page, PROT_READ));
    FAILS(EINVAL, syscall(SYS_mprotect, p + 1, page, PROT_READ)); // the C library rounds
    FAILS(EINVAL, munmap(p + 1, page));
    FAILS(EINVAL, munmap(p, 0));
    FAILS(EINVAL, reinterpret_cast<long>(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    FAILS(EINVAL, reinterpret_cast<long>(mmap(nullptr, page, PROT_READ, MAP_ANONYMOUS, -1, 0)));
    FAILS(EBADF, reinterpret_cast<long>(mmap(nullptr, page, PROT_READ, MAP_PRIVATE, 99, 0)));
    FAILS(ENOMEM,
          reinterpret_cast<long>(mmap(nullptr, size_t{1} << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

void files() {
    int fd = open("file", O_CREAT | O_RDWR, 0600);
    CHECK(ftruncate(fd, 3 * page + 100) == 0 && pwrite(fd, "start", 5, 0) == 5 && pwrite(fd, "tail", 4, 3 * page) == 4);
    char* mine = map(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
    char* shared = map(4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    CHECK(!memcmp(mine, "start", 5) && !memcmp(shared + 3 * page, "tail", 4) && shared[3 * page + 200] == 0);
    mine[0] = 'S';
    CHECK(shared[0] == 's');
    shared[1] = 'T';
    char buf[10];
    CHECK(pread(fd, buf, 5, 0) == 5 && !memcmp(buf, "sTart", 5));
    CHECK(pwrite(fd, "zz", 2, 3 * page) == 2 && !memcmp(shared + 3 * page, "zzil", 4));
    CHECK(msync(shared, 4 * page, MS_SYNC) == 0);
    FAILS(EINVAL, msync(shared, page, MS_SYNC | MS_ASYNC));
    char* beyond = map(8 * page, PROT_READ, MAP_SHARED, fd);
    CHECK(dies_of([&] { *const_cast<volatile char*>(beyond + 5 * page); }) == SIGBUS);
    CHECK(ftruncate(fd, page) == 0);
    CHECK(dies_of([&] { *const_cast<volatile char*>(shared + 2 * page); }) == SIGBUS);
    FAILS(EINVAL, reinterpret_cast<long>(mmap(nullptr, page, PROT_READ, MAP_SHARED, fd, 100)));
    close(fd);
    CHECK(shared[1] == 'T'); // the mapping keeps the file
    int reader = open("file", O_RDONLY);
    FAILS(EACCES, reinterpret_cast<long>(mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0)));
    char* writable = map(page, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader);
    CHECK(writable != MAP_FAILED && (writable[0] = 'x') == 'x');
    close(reader);
    int dir = open(".", O_RDONLY);
    FAILS(ENODEV, reinterpret_cast<long>(mmap(nullptr, page, PROT_READ, MAP_PRIVATE, dir, 0)));
    close(dir);
}

void shared_with_children() {
    auto* p = reinterpret_cast<volatile int*>(map(page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS));
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            for (int n = 0; n < 1000; n++) __atomic_fetch_add(const_cast<int*>(p), 1, __ATOMIC_RELAXED);
            _exit(0);
        }
    while (wait(nullptr) > 0) {}
    CHECK(*p == 8000);
}

void remapping() {
    char* p = map(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    for (int i = 0; i < 4; i++) p[static_cast<size_t>(i) * page] = static_cast<char>('a' + i);
    char* q = static_cast<char*>(mremap(p, 4 * page, 64 * page, MREMAP_MAYMOVE));
    CHECK(q != MAP_FAILED && q[0] == 'a' && q[3 * page] == 'd' && q[10 * page] == 0);
    CHECK(mremap(q, 64 * page, 2 * page, 0) == q);
    CHECK(dies_of([&] { q[3 * page] = 1; }) == SIGSEGV);
    char* fixed = map(2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    CHECK(mremap(q, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, fixed) == fixed && fixed[page] == 'b');
    FAILS(EFAULT, reinterpret_cast<long>(mremap(q, page, 2 * page, MREMAP_MAYMOVE)));
    FAILS(EINVAL, reinterpret_cast<long>(mremap(fixed + 1, page, 2 * page, 0)));
    CHECK(madvise(fixed, 2 * page, MADV_DONTNEED) == 0 && fixed[0] == 0 && fixed[page] == 0);
    FAILS(EINVAL, madvise(fixed, page, 12345));
}

void heap() {
    char* end = static_cast<char*>(sbrk(0));
    (void)end;
    char* big = static_cast<char*>(malloc(10'000'000));
    CHECK(big != nullptr);
    memset(big, 1, 10'000'000);
    free(big);
    unsigned long sum = 0;
    for (size_t i = 1; i < 3000; i++) {
        auto* p = static_cast<unsigned char*>(malloc(i * 7 % 5000 + 1));
        p[0] = static_cast<unsigned char>(i);
        sum += p[0];
        if (i % 3) free(p);
    }
    printf("sum %lu\n", sum);
}

[[gnu::noinline]] int depth(int n, volatile char* caller) {
    volatile char frame[1000];
    frame[0] = caller ? *caller : 1;
    return n == 0 ? 0 : depth(n - 1, frame) + frame[0];
}

void stack() {
    CHECK(depth(5000, nullptr) == 5000); // five megabytes: the stack grows by faults
    CHECK(dies_of([] { depth(20'000, nullptr); }) == SIGSEGV);
}

/// memfd_create(2), fcntl(2): seals against writing and mappings that may write exclude each other.
void sealing() {
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && ftruncate(fd, page) == 0);
    char* at = map(page, PROT_READ, MAP_SHARED, fd); // may be made writable
    FAILS(EBUSY, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK(munmap(at, page) == 0);
    at = map(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    strcpy(at, "before");
    FAILS(EBUSY, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK(fcntl(fd, F_GET_SEALS) == 0 && munmap(at, page) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 && fcntl(fd, F_GET_SEALS) == F_SEAL_WRITE);
    FAILS(EPERM, write(fd, "x", 1));
    FAILS(EPERM, (long)map(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
    at = map(page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
    CHECK(!strcmp(at, "before"));
    strcpy(at, "own");
    char text[8] = {};
    CHECK(pread(fd, text, sizeof text - 1, 0) == 7 && !strcmp(text, "before"));
    close(fd);

    fd = memfd_create("future", MFD_ALLOW_SEALING);
    CHECK(ftruncate(fd, page) == 0);
    at = map(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0);
    strcpy(at, "still");
    char* read_only = map(page, PROT_READ, MAP_SHARED, fd);
    CHECK(!strcmp(read_only, "still"));
    FAILS(EACCES, mprotect(read_only, page, PROT_READ | PROT_WRITE));
    FAILS(EPERM, (long)map(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
    FAILS(EPERM, write(fd, "x", 1));
    close(fd);
}
/// RLIMIT_MEMLOCK binds whoever has no CAP_IPC_LOCK now.
int locking_without_privilege() {
    auto* page =
        static_cast<char*>(mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    rlimit little{4096, 4096}, none{0, 0};
    CHECK(setrlimit(RLIMIT_MEMLOCK, &little) == 0 && mlock(page, 2 * 4096) == 0 && munlock(page, 2 * 4096) == 0);
    CHECK(seteuid(65534) == 0);
    FAILS(ENOMEM, mlock(page, 2 * 4096));
    CHECK(mlock(page, 4096) == 0 && munlock(page, 4096) == 0);
    FAILS(EAGAIN,
          mmap(nullptr, 2 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED ? -1 : 0);
    CHECK(seteuid(0) == 0 && mlock(page, 2 * 4096) == 0 && munlock(page, 2 * 4096) == 0);
    CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0 && seteuid(65534) == 0);
    FAILS(EPERM, mlock(page, 4096));
    return failures;
}
void locking() {
    pid_t child = start(locking_without_privilege);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    // What is locked when it is touched is not there before.
    auto* at = static_cast<char*>(mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    unsigned char there[4];
    at[4096] = 1;
    CHECK(mlock2(at, 4 * 4096, 1) == 0 && mincore(at, 4 * 4096, there) == 0); // MLOCK_ONFAULT
    CHECK(!(there[0] & 1) && there[1] & 1 && !(there[2] & 1));
    FAILS(EINVAL, mlock2(at, 4096, 2));
    CHECK(mlock(at, 4 * 4096) == 0 && mincore(at, 4 * 4096, there) == 0 && there[0] & 1 && there[3] & 1);
    CHECK(munmap(at, 4 * 4096) == 0 && mlockall(4 | MCL_FUTURE) == 0); // MCL_ONFAULT
    at = static_cast<char*>(mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(mincore(at, 4 * 4096, there) == 0 && !(there[0] & 1) && munlockall() == 0);
    munmap(at, 4 * 4096);
}
} // namespace

/// The vDSO read as another process's memory is: it stays what it is, and whose it is.
static void vdso() {
    auto* at = reinterpret_cast<char*>(getauxval(AT_SYSINFO_EHDR));
    static char copy[4096];
    int own = open("/proc/self/mem", O_RDONLY);
    for (int i = 0; at && i < 20; i++) {
        // A check kernel of riscv64 has it outside the memory that it knows: then it is refused.
        bool got = pread(own, copy, sizeof copy, reinterpret_cast<off_t>(at)) == sizeof copy, refused = errno == EIO;
        CHECK(got ? memcmp(copy, at, sizeof copy) == 0 : refused);
        constexpr size_t size = 1 << 20; // what was given back by mistake would be found here
        void* fresh = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(fresh != MAP_FAILED && memset(fresh, i, size) && munmap(fresh, size) == 0);
    }
    close(own);
}

int main() {
    vdso();
    locking();
    anonymous();
    files();
    shared_with_children();
    remapping();
    heap();
    stack();
    sealing();
    return finish("memory");
}
