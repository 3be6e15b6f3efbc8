// qemu-user: looks at flags by itself
// Each bit of a flag argument that means nothing is refused, also those above 32 bits where the argument has them; bits
// that mean nothing in a call that forgets them are forgotten.
#include "tests/linux/check.h"
#include <cstdint>
#include <fcntl.h>
#include <initializer_list>
#include <linux/close_range.h>
#include <linux/memfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace {
/// The call fails with EINVAL for each of the first `width` bits that is not in `known`.
void refuses(const char* name, int width, uint64_t known, auto call, int error = EINVAL) {
    for (int bit = 0; bit < width; bit++) {
        uint64_t flag = uint64_t{1} << bit;
        if (known & flag) continue;
        errno = 0;
        long got = static_cast<long>(call(static_cast<long>(flag)));
        if (got == -1 && errno == error) continue;
        printf("%s: bit %d: %ld, errno %d (%s)\n", name, bit, got, errno, strerror(errno));
        failures++;
    }
}

/// Newer kernels than 6.6 know bits of these: they are not tried.
constexpr uint64_t pidfd_thread = O_EXCL, notification_pipe = O_EXCL, no_copy_on_write = 0x40;
constexpr int lock_mand = 32; // no libc but glibc names it

void descriptors() {
    refuses("dup3", 32, O_CLOEXEC, [](long f) { return CALL(dup3, 0, 50, f); });
    refuses("pipe2", 32, O_CLOEXEC | O_NONBLOCK | O_DIRECT | notification_pipe, [](long f) {
        int ends[2];
        return CALL(pipe2, ends, f);
    });
    refuses("eventfd2", 32, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE, [](long f) { return CALL(eventfd2, 0, f); });
    refuses("epoll_create1", 32, EPOLL_CLOEXEC, [](long f) { return CALL(epoll_create1, f); });
    refuses("signalfd4", 32, SFD_CLOEXEC | SFD_NONBLOCK, [](long f) {
        uint64_t none = 0;
        return CALL(signalfd4, -1, &none, 8, f);
    });
    refuses("timerfd_create", 32, TFD_CLOEXEC | TFD_NONBLOCK, [](long f) { return CALL(timerfd_create, 1, f); });
    refuses("pidfd_open", 32, O_NONBLOCK | pidfd_thread, [](long f) { return CALL(pidfd_open, getpid(), f); });
    refuses("close_range", 32, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC,
            [](long f) { return CALL(close_range, 90, 91, f); });
    refuses("memfd_create", 26, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | 0x18 /* MFD_NOEXEC_SEAL, MFD_EXEC */,
            [](long f) { return CALL(memfd_create, "x", f); });
    refuses("getrandom", 32, GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE, [](long f) {
        char byte;
        return CALL(getrandom, &byte, 1, f);
    });
}

void files() {
    close(open("file", O_RDWR | O_CREAT, 0600));
    struct stat stat;
    refuses("newfstatat", 32, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | 0x6000 /* AT_STATX_SYNC_TYPE */,
            [&](long f) { return CALL(newfstatat, AT_FDCWD, "file", &stat, f); });
    for (int sync : {0x2000, 0x4000, 0x6000}) CHECK(CALL(newfstatat, AT_FDCWD, "file", &stat, sync) == 0);
    refuses("unlinkat", 32, AT_REMOVEDIR, [](long f) { return CALL(unlinkat, AT_FDCWD, "file", f); });
    refuses("linkat", 32, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH,
            [](long f) { return CALL(linkat, AT_FDCWD, "file", AT_FDCWD, "l", f); });
    refuses("renameat2", 32, 7, [](long f) { return CALL(renameat2, AT_FDCWD, "file", AT_FDCWD, "file2", f); });
    refuses("faccessat2", 32, AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
            [](long f) { return CALL(faccessat2, AT_FDCWD, "file", 0, f); });
    refuses("fchownat", 32, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
            [](long f) { return CALL(fchownat, AT_FDCWD, "file", -1, -1, f); });
    refuses("utimensat", 32, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
            [](long f) { return CALL(utimensat, AT_FDCWD, "file", nullptr, f); });
    int file = open("file", O_RDWR);
    refuses("flock", 32, LOCK_SH | LOCK_EX | LOCK_UN | lock_mand, [&](long f) { return CALL(flock, file, f); });
    CHECK(CALL(flock, -1, lock_mand) == 0 && CALL(flock, file, lock_mand | 64 /* LOCK_READ */) == 0);
    FAILS(EINVAL, CALL(flock, -1, 3)); // before the descriptor is looked at
    FAILS(EBADF, CALL(flock, -1, LOCK_SH));
    char byte;
    struct iovec one = {&byte, 1};
    refuses(
        "preadv2", 32, 0x3f /* RWF_HIPRI to RWF_APPEND, RWF_NOAPPEND */ | no_copy_on_write | 0x180,
        [&](long f) { return CALL(preadv2, file, &one, 1, 0, 0, f); }, EOPNOTSUPP);
    close(file);
}

void memory() {
    char* area = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    refuses("mprotect", 32, PROT_READ | PROT_WRITE | PROT_EXEC | 8 /* PROT_SEM */,
            [&](long f) { return CALL(mprotect, area, 4096, f); });
    refuses("msync", 32, MS_ASYNC | MS_SYNC | MS_INVALIDATE, [&](long f) { return CALL(msync, area, 4096, f); });
    refuses("mlock2", 32, 1, [&](long f) { return CALL(mlock2, area, 4096, f); });
    refuses("mremap", 64, 7, [&](long f) { return CALL(mremap, area, 4096, 4096, f); });
    // The stack grows down: from the start of its area.
    char here[64];
    auto page = reinterpret_cast<uintptr_t>(here) & ~uintptr_t{4095};
    CHECK(CALL(mprotect, page, 4096, PROT_READ | PROT_WRITE | PROT_GROWSDOWN) == 0);
    FAILS(EINVAL, CALL(mprotect, area, 4096, PROT_READ | PROT_WRITE | PROT_GROWSDOWN | PROT_GROWSUP));
}

void processes() {
    siginfo_t info;
    refuses("waitid", 24, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT,
            [&](long f) { return CALL(waitid, P_ALL, 0, &info, f | WEXITED | WNOHANG, nullptr); });
    refuses("wait4", 24, WNOHANG | WUNTRACED | WCONTINUED,
            [](long f) { return CALL(wait4, -1, nullptr, f | WNOHANG, nullptr); });
    // Unknown flags of sigaction are forgotten: how a program asks for those of newer kernels.
    struct {
        void (*handler)(int);
        unsigned long flags;
        unsigned long restorer_or_mask[2];
    } action = {SIG_IGN, ~0ul, {}}, after = {};
    CHECK(CALL(rt_sigaction, SIGUSR1, &action, nullptr, 8) == 0 &&
          CALL(rt_sigaction, SIGUSR1, nullptr, &after, 8) == 0);
    unsigned long known = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |
                          (unsigned)SA_RESETHAND | 0x800;
    if (after.flags != known && after.flags != (known | 0x04000000 /* SA_RESTORER */))
        printf("flags of sigaction: %lx\n", after.flags), failures++;
}

/// With the capability for it only: kinds of propagation are of mounts, not of directories.
void mounts() {
    mkdir("dir", 0700);
    if (CALL(mount, "x", "dir", "tmpfs", 0, nullptr) != 0) return;
    for (int kind : {MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE})
        CHECK(CALL(mount, nullptr, "dir", nullptr, kind, nullptr) == 0);
    CHECK(umount("dir") == 0);
    for (int kind : {MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE})
        FAILS(EINVAL, CALL(mount, "x", "dir", "tmpfs", kind, nullptr));
    FAILS(EINVAL, CALL(mount, "x", "dir", "tmpfs", uint64_t{1} << 31, nullptr)); // the kernel's own
    FAILS(EINVAL, CALL(mount, "dir", "dir", nullptr, MS_MOVE | MS_PRIVATE, nullptr));
}
} // namespace

int main() {
    descriptors();
    files();
    memory();
    processes();
    mounts();
    return finish("flag_bits");
}
