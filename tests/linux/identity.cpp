// Who a process is: the three user and three group numbers, the file system's own, groups and capabilities, and what
// each call may make of them.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace {
constexpr unsigned same = ~0u;

/// In a child of its own, which nothing leads back from.
void apart(auto body) {
    pid_t child = start([&] {
        failures = 0;
        body();
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
bool users_are(unsigned real, unsigned effective, unsigned saved) {
    unsigned r, e, s;
    bool good = CALL(getresuid, &r, &e, &s) == 0 && r == real && e == effective && s == saved && CALL(getuid) == real &&
                CALL(geteuid) == effective;
    if (!good) printf("users %u %u %u\n", r, e, s);
    return good;
}
bool groups_are(unsigned real, unsigned effective, unsigned saved) {
    unsigned r, e, s;
    bool good = CALL(getresgid, &r, &e, &s) == 0 && r == real && e == effective && s == saved && CALL(getgid) == real &&
                CALL(getegid) == effective;
    if (!good) printf("groups %u %u %u\n", r, e, s);
    return good;
}
unsigned owner_of_new(const char* name) {
    struct stat s = {};
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0 && fstat(fd, &s) == 0 && close(fd) == 0);
    return s.st_uid;
}

void users() {
    apart([] {
        CHECK(users_are(0, 0, 0));
        CHECK(CALL(setresuid, 1, 2, 3) == 0 && users_are(1, 2, 3));
        CHECK(CALL(setresuid, same, same, same) == 0 && users_are(1, 2, 3));
        FAILS(EPERM, CALL(setresuid, same, 4, same));
        CHECK(CALL(setresuid, 3, 1, 2) == 0 && users_are(3, 1, 2)); // any of the three for any
        FAILS(EPERM, CALL(setuid, 5));
        CHECK(CALL(setuid, 2) == 0 && users_are(3, 2, 2));      // without a capability: the effective one alone
        CHECK(CALL(setreuid, 2, 3) == 0 && users_are(2, 3, 3)); // the saved one follows
        FAILS(EPERM, CALL(setreuid, 7, same));
    });
    apart([] {
        CHECK(CALL(setreuid, same, 9) == 0 && users_are(0, 9, 9));
        CHECK(CALL(setreuid, same, 0) == 0 && users_are(0, 0, 9));
        CHECK(CALL(setreuid, 0, same) == 0 && users_are(0, 0, 0)); // who sets the real one sets the saved one
        CHECK(CALL(setuid, 6) == 0 && users_are(6, 6, 6));
        FAILS(EPERM, CALL(setuid, 0));
    });
    FAILS(EINVAL, CALL(setuid, same));
    FAILS(EFAULT, CALL(getresuid, nullptr, nullptr, nullptr));
}

void groups() {
    apart([] {
        CHECK(groups_are(0, 0, 0));
        CHECK(CALL(setresgid, 1, 2, 3) == 0 && groups_are(1, 2, 3));
        CHECK(CALL(setgid, 4) == 0 && groups_are(4, 4, 4)); // the user is still the superuser
        CHECK(CALL(setregid, 5, 6) == 0 && groups_are(5, 6, 6));
        gid_t list[40] = {}, some[] = {30, 10, 20};
        CHECK(CALL(setgroups, 3, some) == 0 && CALL(getgroups, 0, nullptr) == 3);
        CHECK(CALL(getgroups, 40, list) == 3 && list[0] == 10 && list[1] == 20 && list[2] == 30); // sorted
        FAILS(EINVAL, CALL(getgroups, 2, list));
        FAILS(EINVAL, CALL(getgroups, -1, list));
        FAILS(EINVAL, CALL(setgroups, 65537, some));
        FAILS(EFAULT, CALL(setgroups, 3, nullptr));
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        FAILS(EPERM, CALL(setgroups, 0, nullptr));
        FAILS(EPERM, CALL(setgid, 10)); // one of its groups, and not one of the three
        CHECK(CALL(setgid, 5) == 0 && groups_are(5, 5, 6));
        FAILS(EPERM, CALL(setregid, 7, same));
        CHECK(CALL(setregid, same, 6) == 0 && groups_are(5, 6, 6));
        FAILS(EPERM, CALL(setresgid, same, same, 1));
    });
    FAILS(EINVAL, CALL(setgid, same));
}

void for_files() {
    umask(0);
    CHECK(chmod(".", 0777) == 0);
    apart([] {
        CHECK(CALL(setfsuid, 77) == 0 && CALL(setfsuid, same) == 77 && owner_of_new("of-77") == 77);
        CHECK(CALL(setfsgid, 78) == 0 && CALL(setfsgid, same) == 78);
        FAILS(EACCES, open("secret", O_RDONLY));
        CHECK(users_are(0, 0, 0)); // what it may do to processes is as before
        CHECK(CALL(setresuid, same, 5, same) == 0 && CALL(setfsuid, same) == 5); // it follows the effective one
        CHECK(CALL(setfsuid, 1000) == 5 && CALL(setfsuid, same) == 5);           // refused, and nothing says so
        CHECK(CALL(setfsuid, 0) == 5 && CALL(setfsuid, same) == 0);              // the real one
    });
}

using Sets = __user_cap_data_struct[2];
bool has(const Sets& sets, int capability) { return sets[capability / 32].effective >> (capability % 32) & 1; }

void capabilities() {
    __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0}, old = {0x1234, 0},
                             none = {head.version, 0x7ffffffe};
    Sets sets = {};
    CHECK(CALL(capget, &head, sets) == 0 && has(sets, CAP_CHOWN) && has(sets, CAP_SETUID));
    FAILS(EINVAL, CALL(capget, &old, sets)); // it says which version the kernel has
    CHECK(old.version == _LINUX_CAPABILITY_VERSION_3);
    old.version = 0;
    CHECK(CALL(capget, &old, nullptr) == 0 && old.version == _LINUX_CAPABILITY_VERSION_3);
    FAILS(ESRCH, CALL(capget, &none, sets));
    apart([&] {
        head.pid = static_cast<int>(CALL(getpid));
        sets[0].effective &= ~(1u << CAP_SETUID);
        CHECK(CALL(capset, &head, sets) == 0);
        FAILS(EPERM, CALL(setresuid, 1, 2, 3)); // set aside
        sets[0].effective |= 1u << CAP_SETUID;
        CHECK(CALL(capset, &head, sets) == 0); // and taken up again
        sets[0].inheritable = sets[0].permitted;
        CHECK(CALL(capset, &head, sets) == 0);
        sets[0].permitted &= ~(1u << CAP_CHOWN);
        FAILS(EPERM, CALL(capset, &head, sets)); // effective without permitted
        sets[0].effective &= ~(1u << CAP_CHOWN);
        CHECK(CALL(capset, &head, sets) == 0);
        sets[0].permitted |= 1u << CAP_CHOWN;
        FAILS(EPERM, CALL(capset, &head, sets)); // gone for good
        head.pid = 1;
        FAILS(EPERM, CALL(capset, &head, sets)); // of another process
        head.pid = 0;
        Sets left = {};
        CHECK(CALL(setresuid, 1, 1, 1) == 0 && CALL(capget, &head, left) == 0);
        CHECK(left[0].effective == 0 && left[0].permitted == 0 && left[0].inheritable != 0);
    });
    apart([&] { // PR_SET_KEEPCAPS: the permitted ones outlive the change
        head.pid = 0;
        Sets left = {};
        CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && CALL(setresuid, 1, 1, 1) == 0);
        CHECK(CALL(capget, &head, left) == 0 && left[0].effective == 0 && left[0].permitted >> CAP_SETUID & 1);
    });
}

/// The namespaces that a process starts in have their maps and clocks.
void namespaces() {
    struct {
        const char *name, *text;
        int error; // 0: written
    } writes[] = {{"uid_map", "0 0 1\n", EPERM}, {"gid_map", "0 0 1\n", EPERM},
                  {"setgroups", "deny", EPERM},  {"setgroups", "perhaps", EINVAL},
                  {"setgroups", "allow", 0},     {"timens_offsets", "monotonic 1 0\n", EACCES}};
    for (auto& w : writes) {
        char path[64], line[200] = {};
        snprintf(path, sizeof path, "/proc/self/%s", w.name);
        int fd = open(path, O_RDWR);
        CHECK(fd >= 0 && read(fd, line, sizeof line - 1) > 0 && lseek(fd, 0, SEEK_SET) == 0);
        printf("%s: %s", w.name, line);
        long size = static_cast<long>(strlen(w.text));
        if (w.error)
            FAILS(w.error, write(fd, w.text, strlen(w.text)));
        else
            CHECK(write(fd, w.text, strlen(w.text)) == size);
        close(fd);
    }
    gid_t nobody[] = {~0u};
    FAILS(EINVAL, CALL(setgroups, 1, nobody));
}
} // namespace

int main() {
    CHECK(close(open("secret", O_CREAT | O_RDWR, 0600)) == 0);
    namespaces();
    users();
    groups();
    for_files();
    capabilities();
    return finish("identity");
}
