// qemu-user: starts programs itself
// Who may do what to whom: what exec gives and takes (file capabilities, set-user-ID, no_new_privs, shared places), and
// who may look into whose process.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <grp.h>
#include <initializer_list>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static constexpr unsigned nobody = 1000;
static constexpr const char* attribute = "security.capability";
static unsigned long bit(int capability) { return 1ul << capability; }

struct Sets {
    unsigned long effective, permitted, inheritable;
};
static Sets sets() {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct d[2]{};
    CHECK(syscall(SYS_capget, &head, d) == 0);
    auto join = [](unsigned low, unsigned high) { return low | static_cast<unsigned long>(high) << 32; };
    return {join(d[0].effective, d[1].effective), join(d[0].permitted, d[1].permitted),
            join(d[0].inheritable, d[1].inheritable)};
}
static long set(Sets s) {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct d[2]{};
    for (int i = 0; i < 2; i++) {
        d[i].effective = static_cast<unsigned>(s.effective >> 32 * i);
        d[i].permitted = static_cast<unsigned>(s.permitted >> 32 * i);
        d[i].inheritable = static_cast<unsigned>(s.inheritable >> 32 * i);
    }
    return syscall(SYS_capset, &head, d);
}
/// Those that the test gives and takes; "+": others too.
static const char* name_of(unsigned long s) {
    static char texts[4][20];
    static int next;
    char* text = texts[next++ & 3];
    unsigned long ours = bit(CAP_CHOWN) | bit(CAP_KILL);
    snprintf(text, sizeof texts[0], "%lx%s", s & ours, s & ~ours ? "+" : "");
    return text;
}

/// What a program that was started finds: the children's part.
static int show(const char* label) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    Sets c = sets();
    printf("%s: uid %u %u %u gid %u %u %u permitted %s effective %s inheritable %s secure %lu dumpable %d\n", label, r,
           e, s, gr, ge, gs, name_of(c.permitted), name_of(c.effective), name_of(c.inheritable), getauxval(AT_SECURE),
           prctl(PR_GET_DUMPABLE));
    return 0;
}
static int become(const char* program, const char* label) {
    fflush(stdout);
    execl(program, "show", label, nullptr);
    printf("%s: %s\n", label, strerror(errno));
    return 0;
}
static void drop_user() {
    CHECK(setgroups(0, nullptr) == 0 && setresgid(nobody, nobody, nobody) == 0 &&
          setresuid(nobody, nobody, nobody) == 0);
}
static void run(const char* label, const char* program, auto prepare) {
    pid_t child = start([&] {
        prepare();
        return become(program, label);
    });
    CHECK(waitpid(child, nullptr, 0) == child);
}
static void no_new_privileges() { CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0); }

static void copy_program(const char* to, mode_t mode) {
    int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
    static char bytes[65536];
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;) CHECK(write(out, bytes, static_cast<size_t>(n)) == n);
    CHECK(fchmod(out, mode) == 0);
    close(in);
    close(out);
}
static long give(const char* path, unsigned long permitted, unsigned long inheritable, bool effective,
                 unsigned revision = VFS_CAP_REVISION_2, unsigned root = 0) {
    vfs_ns_cap_data v{};
    v.magic_etc = revision | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0);
    for (int i = 0; i < 2; i++) {
        v.data[i].permitted = static_cast<unsigned>(permitted >> 32 * i);
        v.data[i].inheritable = static_cast<unsigned>(inheritable >> 32 * i);
    }
    v.rootid = root;
    return setxattr(path, attribute, &v, revision == VFS_CAP_REVISION_3 ? XATTR_CAPS_SZ_3 : XATTR_CAPS_SZ_2, 0);
}
static ssize_t has_capabilities(const char* path) {
    char value[64];
    return getxattr(path, attribute, value, sizeof value);
}

static void root_without_capabilities() {
    auto lower = [](unsigned long kept) { CHECK(set({kept, kept, 0}) == 0); };
    run("root without capabilities", "plain", [&] { lower(0); });
    run("the same, no_new_privs", "plain", [&] { no_new_privileges(), lower(0); });
    run("root with one, no_new_privs", "plain", [&] { no_new_privileges(), lower(bit(CAP_CHOWN)); });
    run("root with all, no_new_privs", "plain", [&] { no_new_privileges(); });
    run("bounding without kill", "plain", [&] {
        CHECK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) == 0);
        lower(0);
    });
    run("noroot", "plain", [&] { CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0); });
    run("noroot, inheritable", "plain", [&] {
        CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0 && set({bit(0), bit(0), bit(0)}) == 0);
        CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0) == 0);
    });
    run("only the real user is root", "plain", [&] { CHECK(setresuid(0, nobody, nobody) == 0); });
    run("only the effective user is root", "plain", [&] { CHECK(setresuid(nobody, 0, 0) == 0); });
    run("the same, no_new_privs", "plain", [&] {
        CHECK(setresuid(nobody, 0, 0) == 0);
        no_new_privileges();
    });
    run("a user, keepcaps and ambient", "plain", [&] {
        CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(nobody, nobody, nobody) == 0);
        CHECK(set({bit(0), bit(0), bit(0)}) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0) == 0);
    });
}

static void set_id_programs() {
    copy_program("setuid", 04755), copy_program("setgid", 02755), copy_program("both", 06755);
    for (const char* program : {"plain", "setuid", "setgid", "both"}) run(program, program, drop_user);
    run("setuid, no_new_privs", "setuid", [] { drop_user(), no_new_privileges(); });
    run("setgid, no_new_privs", "setgid", [] { drop_user(), no_new_privileges(); });
    run("setuid, noroot", "setuid", [] {
        CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0);
        drop_user();
    });
    (void)!symlink("setuid", "link");
    run("setuid through a link", "link", drop_user);
}

static void file_capabilities() {
    copy_program("chown", 0755), copy_program("inherits", 0755), copy_program("dumb", 0755),
        copy_program("root", 04755);
    CHECK(give("chown", bit(CAP_CHOWN), 0, true) == 0);
    CHECK(give("inherits", 0, bit(CAP_CHOWN), true) == 0);
    CHECK(give("dumb", bit(CAP_KILL), 0, false) == 0);
    CHECK(give("root", bit(CAP_KILL), 0, true) == 0);
    run("capability", "chown", drop_user);
    run("capability, no_new_privs", "chown", [] { drop_user(), no_new_privileges(); });
    run("capability, of root", "chown", [] {});
    run("capability, of root without any", "chown", [] { CHECK(set({}) == 0); });
    run("inherited by none", "inherits", drop_user);
    run("not effective", "dumb", drop_user);
    run("capability and setuid", "root", drop_user);
    run("outside of the bounding set", "chown", [] {
        CHECK(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0) == 0);
        drop_user();
    });
    run("the same, not effective", "dumb", [] {
        CHECK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) == 0);
        drop_user();
    });
    auto ambient = [] {
        CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
        drop_user();
        CHECK(set({bit(CAP_CHOWN), bit(CAP_CHOWN), bit(CAP_CHOWN)}) == 0);
        CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0);
    };
    run("ambient", "plain", ambient);
    run("ambient, no_new_privs", "plain", [&] { ambient(), no_new_privileges(); });
    run("ambient to setuid", "setuid", ambient);
    run("ambient to capabilities", "dumb", ambient);
    run("inherited", "inherits", ambient);
    // For another user namespace, and back.
    CHECK(give("chown", bit(CAP_CHOWN), 0, true, VFS_CAP_REVISION_3, 5) == 0 && has_capabilities("chown") == 24);
    run("of another namespace", "chown", drop_user);
    CHECK(give("chown", bit(CAP_CHOWN), 0, true, VFS_CAP_REVISION_3) == 0 && has_capabilities("chown") == 20);
    run("of this one", "chown", drop_user);
}

static void values_and_rights() {
    copy_program("values", 0755);
    char value[32]{};
    for (size_t size : {1, 3, 4, 12, 19, 20, 21, 24, 32}) FAILS(EINVAL, setxattr("values", attribute, value, size, 0));
    FAILS(EINVAL, give("values", 1, 0, true, VFS_CAP_REVISION_1));
    FAILS(EINVAL, give("values", 1, 0, true, 0x04000000));
    FAILS(EINVAL, give("values", 1, 0, true, VFS_CAP_REVISION_3, ~0u));
    FAILS(ENODATA, has_capabilities("values"));
    CHECK(give("values", 1, 0, true) == 0);
    CHECK(chmod("values", 0777) == 0 && has_capabilities("values") == 20);
    pid_t child = start([] {
        unsigned long kept = bit(CAP_SETFCAP);
        CHECK(set({kept, kept, 0}) == 0);
        CHECK(give("values", 2, 0, true) == 0 && removexattr("values", attribute) == 0);
        CHECK(give("values", 2, 0, true) == 0);
        FAILS(EPERM, setxattr("values", "security.other", "x", 1, 0));
        CHECK(set({}) == 0);
        FAILS(EPERM, give("values", 1, 0, true));
        FAILS(EPERM, removexattr("values", attribute));
        FAILS(EINVAL, setxattr("values", attribute, "x", 1, 0));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/// What takes file capabilities and set-id bits away, whoever does it.
static void changes_take_them() {
    auto after = [](const char* what, auto change) {
        copy_program("changed", 06777);
        CHECK(give("changed", 1, 0, true) == 0);
        int fd = open("changed", O_RDWR);
        change(fd);
        struct stat s;
        CHECK(fstat(fd, &s) == 0);
        close(fd);
        printf("after %s: mode %o, capabilities %ld\n", what, s.st_mode & 07777, has_capabilities("changed"));
    };
    auto all = [&](const char* who) {
        char what[60];
        auto label = [&](const char* text) { return snprintf(what, sizeof what, "%s by %s", text, who), what; };
        after(label("nothing"), [](int) {});
        after(label("write"), [](int fd) { CHECK(write(fd, "x", 1) == 1); });
        after(label("write of nothing"), [](int fd) { CHECK(write(fd, "x", 0) == 0); });
        after(label("pwritev"), [](int fd) {
            iovec v{const_cast<char*>("x"), 1};
            CHECK(pwritev(fd, &v, 1, 5) == 1);
        });
        after(label("ftruncate"), [](int fd) { CHECK(ftruncate(fd, 10) == 0); });
        after(label("truncate"), [](int) { CHECK(truncate("changed", 10) == 0); });
        after(label("O_TRUNC"), [](int) { close(open("changed", O_WRONLY | O_TRUNC)); });
        after(label("fallocate"), [](int fd) { CHECK(fallocate(fd, 0, 0, 100) == 0); });
        after(label("chown to nobody"),
              [](int fd) { CHECK(fchown(fd, static_cast<uid_t>(-1), static_cast<gid_t>(-1)) == 0); });
        after(label("chown"), [](int) { CHECK(chown("changed", 0, 0) == 0); });
        after(label("chmod"), [](int fd) { CHECK(fchmod(fd, 0755) == 0); });
        after(label("utimens"), [](int fd) { CHECK(futimens(fd, nullptr) == 0); });
    };
    all("root");
    // By an owner without CAP_FSETID: the attribute must be set for it.
    pid_t child = start([] {
        copy_program("others", 06777);
        CHECK(give("others", 1, 0, true) == 0);
        drop_user();
        int fd = open("others", O_WRONLY);
        CHECK(write(fd, "x", 1) == 1);
        struct stat s;
        CHECK(fstat(fd, &s) == 0);
        printf("after a write by a user: mode %o, capabilities %ld\n", s.st_mode & 07777, has_capabilities("others"));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/// Clones a sibling that shares `flags` and does nothing.
static pid_t sharer(unsigned long flags) {
    pid_t child = static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
    if (child == 0)
        for (;;) pause();
    return child;
}
static char thread_stack[2][65536];
static int sleeper(void*) {
    for (;;) pause();
}

/// Who shares the working directory with another process could be led astray by it.
static void shared_places() {
    auto with = [](const char* label, const char* program, auto share) {
        int channel[2];
        CHECK(pipe(channel) == 0);
        pid_t child = start([&] {
            drop_user();
            pid_t other = share();
            CHECK(write(channel[1], &other, sizeof other) == sizeof other);
            return become(program, label);
        });
        pid_t other = 0;
        CHECK(waitpid(child, nullptr, 0) == child && read(channel[0], &other, sizeof other) == sizeof other);
        if (other > 0) kill(other, SIGKILL);
        close(channel[0]);
        close(channel[1]);
    };
    CHECK(give("chown", bit(CAP_CHOWN), 0, true) == 0);
    with("setuid, nothing shared", "setuid", [] { return sharer(0); });
    with("setuid, shared places", "setuid", [] { return sharer(CLONE_FS); });
    with("capability, shared places", "chown", [] { return sharer(CLONE_FS); });
    with("plain, shared places", "plain", [] { return sharer(CLONE_FS); });
    with("setuid, shared before", "setuid", [] {
        pid_t other = sharer(CLONE_FS);
        CHECK(unshare(CLONE_FS) == 0);
        return other;
    });
    with("setuid, the other has ended", "setuid", [] {
        pid_t other = sharer(CLONE_FS);
        CHECK(kill(other, SIGKILL) == 0 && waitpid(other, nullptr, 0) == other);
        return 0;
    });
    with("setuid, shared with a thread", "setuid", [] {
        constexpr int flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD;
        CHECK(clone(sleeper, thread_stack[0] + sizeof thread_stack[0], flags, nullptr) > 0);
        return 0;
    });
    with("setuid, shared with a thread's child", "setuid", [] {
        constexpr int flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD;
        CHECK(clone(sleeper, thread_stack[0] + sizeof thread_stack[0], flags, nullptr) > 0);
        return sharer(CLONE_FS);
    });
}

static char word[16] = "untouched";
static const char* outcome(long result) { return result < 0 ? strerror(errno) : "ok"; }

/// What a process finds when it reaches for another.
static void reach(pid_t other, const char* label) {
    char text[16] = "overwritten", path[40];
    iovec mine{text, sizeof text}, theirs{word, sizeof word};
    printf("%s: write %s", label, outcome(process_vm_writev(other, &mine, 1, &theirs, 1, 0)));
    printf(" read %s", outcome(process_vm_readv(other, &mine, 1, &theirs, 1, 0)));
    int fd = static_cast<int>(syscall(SYS_pidfd_open, other, 0));
    printf(" getfd %s", outcome(syscall(SYS_pidfd_getfd, fd, 0, 0)));
    close(fd);
    void* list;
    size_t size;
    printf(" robust %s", outcome(syscall(SYS_get_robust_list, other, &list, &size)));
    for (const char* file : {"maps", "smaps", "environ", "auxv", "mem", "fd", "fdinfo", "io"}) {
        snprintf(path, sizeof path, "/proc/%d/%s", other, file);
        fd = open(path, O_RDONLY);
        char byte;
        bool folder = file[0] == 'f';
        long result = fd < 0 || folder || !strcmp(file, "mem") ? fd : read(fd, &byte, 1);
        printf(" %s %s", file, outcome(result));
        if (fd >= 0) close(fd);
    }
    snprintf(path, sizeof path, "/proc/%d/stat", other);
    char stat[1000]{};
    fd = open(path, O_RDONLY);
    CHECK(read(fd, stat, sizeof stat - 1) > 0);
    close(fd);
    int field = 2;
    unsigned long code = 0, stack = 0, arguments = 0;
    for (char* at = strtok(strrchr(stat, ')') + 2, " "); at; at = strtok(nullptr, " ")) {
        field++;
        if (field == 26) code = strtoul(at, nullptr, 10);
        if (field == 28) stack = strtoul(at, nullptr, 10);
        if (field == 48) arguments = strtoul(at, nullptr, 10);
    }
    printf(" layout %s", code > 1 && stack && arguments ? "shown" : code == 1 && !stack && !arguments ? "hidden" : "?");
    for (const char* link : {"exe", "cwd", "root", "fd/0", "ns/pid"}) {
        snprintf(path, sizeof path, "/proc/%d/%s", other, link);
        printf(" %s %s", link, outcome(readlink(path, text, sizeof text)));
    }
    printf("\n");
}
static void looking_into_others() {
    auto none = [] {};
    auto nothing = [] { CHECK(set({}) == 0); };
    auto one = [] { CHECK(set({bit(CAP_CHOWN), bit(CAP_CHOWN), 0}) == 0); };
    auto only_permitted = [] { CHECK(set({0, bit(CAP_CHOWN), 0}) == 0); };
    auto tracer = [] { CHECK(set({bit(CAP_SYS_PTRACE), bit(CAP_SYS_PTRACE), 0}) == 0); };
    auto real_root = [] { CHECK(setresuid(0, nobody, 0) == 0); };
    auto undumpable = [] {
        CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
        CHECK(set({}) == 0);
    };
    auto user = [] {
        drop_user();
        CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    };
    auto hidden_user = [] { drop_user(); };
    auto pair = [](const char* label, auto target_is, auto looker_is) {
        int ready[2];
        char byte = 0;
        CHECK(pipe(ready) == 0);
        pid_t target = start([&] {
            target_is();
            CHECK(write(ready[1], &byte, 1) == 1);
            for (;;) pause();
        });
        CHECK(read(ready[0], &byte, 1) == 1);
        pid_t looker = start([&] {
            looker_is();
            reach(target, label);
        });
        CHECK(waitpid(looker, nullptr, 0) == looker);
        CHECK(kill(target, SIGKILL) == 0 && waitpid(target, nullptr, 0) == target);
        close(ready[0]);
        close(ready[1]);
    };
    pair("root without capabilities into root", none, nothing);
    pair("into root without", nothing, nothing);
    pair("into the same with one", one, nothing);
    pair("with one into one", one, one);
    pair("with one permitted into one", one, only_permitted);
    pair("tracer into root", none, tracer);
    pair("into what hides", undumpable, nothing);
    pair("user into user", user, user);
    pair("user into who was root", hidden_user, user);
    pair("user into root", none, user);
    pair("user into real root", real_root, user);
    // Oneself, whatever one is.
    pid_t self = start([&] {
        undumpable();
        iovec mine{word, sizeof word}, theirs{word, sizeof word};
        CHECK(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0) == sizeof word);
        CHECK(open("/proc/self/fd", O_RDONLY) >= 0 || errno == EACCES);
        return failures;
    });
    int status = -1;
    CHECK(waitpid(self, &status, 0) == self && status == 0);
}

/// A program that may not be read is not found in the process either.
static void unreadable_programs() {
    copy_program("secret", 0711);
    run("unreadable", "secret", drop_user);
    run("unreadable, by root", "secret", [] {});
}

int main(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[0], "show")) return show(argv[1]);
    umask(022);
    CHECK(chmod(".", 0755) == 0);
    copy_program("plain", 0755);
    root_without_capabilities();
    set_id_programs();
    file_capabilities();
    values_and_rights();
    changes_take_them();
    shared_places();
    looking_into_others();
    unreadable_programs();
    return finish("privileges");
}
