// A user namespace with maps, user_namespaces(7), seen from inside by its root: `user_map OWN OTHERS`, two directories,
// of its own and of the machine's root, who is not mapped. With "enter" behind them it makes both and goes into such a
// namespace first, which is for Linux: Rundlet makes them for containers only.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <grp.h>
#include <initializer_list>
#include <linux/capability.h>
#include <linux/stat.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

namespace {
constexpr const char *uids = "0 100000 1000\n5000 200000 1\n", *gids = "0 300000 1000\n5000 400000 1\n";
constexpr unsigned unmapped = 1000, far = 5000, nobody = 65534; // far: the last extent's
const char *own, *others, *self;

/// A path of two parts.
struct Path {
    Path(const char* one, const char* two = "") { snprintf(text, sizeof text, "%s%s", one, two); }
    const char* c_str() const { return text; }
    char text[200];
};

bool belongs(const Path& path, unsigned uid, unsigned gid) {
    struct stat s{};
    struct statx x{};
    return stat(path.c_str(), &s) == 0 && s.st_uid == uid && s.st_gid == gid &&
           CALL(statx, AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &x) == 0 && x.stx_uid == uid && x.stx_gid == gid;
}
void put(const Path& path, mode_t mode, const char* from = nullptr) {
    int to = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), in = from ? open(from, O_RDONLY) : -1;
    char part[65536];
    for (long n; in >= 0 && (n = read(in, part, sizeof part)) > 0;) CHECK(write(to, part, static_cast<size_t>(n)) == n);
    CHECK(to >= 0 && fchmod(to, mode) == 0 && close(to) == 0);
    close(in);
}
void show(const char* path, const char* begin = "") {
    char line[200];
    FILE* file = fopen(path, "r");
    CHECK(file);
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, begin, strlen(begin)) == 0) printf("%s", line);
    if (file) fclose(file);
}
/// Runs the body in a child, which must return 0.
void in_child(auto body) {
    int status = 0;
    pid_t child = start(body);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
void become(unsigned id) {
    CHECK(setgroups(0, nullptr) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0);
}

void identity() {
    uid_t r = 1, e = 1, s = 1;
    CHECK(getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0);
    CHECK(getresuid(&r, &e, &s) == 0 && r == 0 && e == 0 && s == 0);
    gid_t wanted[] = {far, 5, 0}, got[4] = {}, bad[] = {5, unmapped}, none = ~0u;
    CHECK(CALL(setgroups, 3, wanted) == 0 && getgroups(4, got) == 3 && got[0] == 0 && got[1] == 5 && got[2] == far);
    // What is told of a peer goes through the map as well.
    int ends[2];
    gid_t told[4] = {};
    socklen_t size = sizeof told;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(getsockopt(ends[0], SOL_SOCKET, SO_PEERGROUPS, told, &size) == 0 && size == 3 * sizeof *told);
    CHECK(told[0] == 0 && told[1] == 5 && told[2] == far);
    ucred peer{};
    size = sizeof peer;
    CHECK(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0 && peer.gid == 0);
    close(ends[0]);
    close(ends[1]);
    FAILS(EINVAL, CALL(setgroups, 2, bad));
    FAILS(EINVAL, CALL(setgroups, 1, &none));
    FAILS(EINVAL, CALL(setuid, unmapped));
    FAILS(EINVAL, CALL(setgid, unmapped));
    FAILS(EINVAL, CALL(setreuid, -1, unmapped));
    FAILS(EINVAL, CALL(setresgid, unmapped, -1, -1));
    CHECK(setfsuid(unmapped) == 0 && setfsuid(7) == 0 && setfsuid(0) == 7);
    FAILS(ESRCH, getpriority(PRIO_USER, unmapped));
    CHECK(getpriority(PRIO_USER, 0) == 0);
    show("/proc/self/status", "Groups");
    in_child([] {
        become(far);
        CHECK(getuid() == far && getegid() == far);
        show("/proc/self/status", "Uid");
        show("/proc/self/status", "Gid");
        CHECK(setfsuid(0) == far && setfsuid(-1) == far);
        return failures;
    });
}

void files() {
    Path plain{others, "/plain"}, secret{others, "/secret"}, mine{own, "/mine"};
    CHECK(belongs(plain, nobody, nobody) && belongs("/proc/uptime", nobody, nobody));
    CHECK(close(open(plain.c_str(), O_RDONLY)) == 0);
    FAILS(EACCES, open(plain.c_str(), O_WRONLY));
    FAILS(EACCES, open(secret.c_str(), O_RDONLY));
    FAILS(EACCES, access(secret.c_str(), R_OK));
    FAILS(EPERM, chmod(plain.c_str(), 0666));
    FAILS(EPERM, chown(plain.c_str(), 0, -1));
    FAILS(EACCES, unlink(plain.c_str()));
    timeval times[2]{};
    FAILS(EPERM, utimes(plain.c_str(), times));
    put(mine, 0600);
    CHECK(belongs(own, 0, 0) && belongs(mine, 0, 0));
    CHECK(chown(mine.c_str(), 5, 6) == 0 && belongs(mine, 5, 6));
    CHECK(chown(mine.c_str(), far, far) == 0 && belongs(mine, far, far));
    CHECK(chown(mine.c_str(), -1, -1) == 0);
    FAILS(EINVAL, chown(mine.c_str(), unmapped, -1));
    FAILS(EINVAL, chown(mine.c_str(), -1, unmapped));
    CHECK(close(open(mine.c_str(), O_RDWR)) == 0 && chmod(mine.c_str(), 0640) == 0);
    CHECK(mkfifo(Path(own, "/fifo").c_str(), 0600) == 0);
    FAILS(EPERM, mknod(Path(own, "/null").c_str(), S_IFCHR | 0666, 0x103)); // capabilities over the machine
}

void machine() {
    rlimit limit{};
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_max++;
    FAILS(EPERM, setrlimit(RLIMIT_NOFILE, &limit));
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    FAILS(EPERM, clock_settime(CLOCK_REALTIME, &now));
    FAILS(EACCES, setpriority(PRIO_PROCESS, 0, -5));
    CHECK(sethostname("inside", 6) == 0);
}

siginfo_t heard;
void signals() {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void*) { heard = *info; };
    sigaction(SIGUSR1, &action, nullptr);
    pid_t child = start([] {
        become(far);
        FAILS(EPERM, kill(getppid(), 0));
        CHECK(raise(SIGUSR1) == 0 && heard.si_uid == far && sigqueue(getpid(), SIGUSR1, {}) == 0 &&
              heard.si_uid == far);
        pause();
        return failures;
    });
    CHECK(until_asleep(child));
    CHECK(kill(child, SIGKILL) == 0);
    siginfo_t info{};
    CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED) == 0);
    CHECK(info.si_uid == far && info.si_code == CLD_KILLED);
}

void proc() {
    for (const char* name : {"uid_map", "gid_map", "setgroups"}) show(Path("/proc/self/", name).c_str());
    for (const char* name : {"uid_map", "gid_map"}) {
        int fd = open(Path("/proc/self/", name).c_str(), O_WRONLY);
        CHECK(fd >= 0);
        FAILS(EPERM, write(fd, "0 0 1\n", 6));
        close(fd);
    }
    int fd = open("/proc/self/setgroups", O_WRONLY);
    FAILS(EPERM, write(fd, "deny", 4));
    FAILS(EINVAL, write(fd, "perhaps", 7));
    CHECK(write(fd, "allow", 5) == 5 && close(fd) == 0);
    CHECK(belongs("/proc/self", 0, 0));
}

/// Says what a program that was started as user 7 has become.
void run(const char* what, const Path& program) {
    printf("%s: ", what);
    in_child([&] {
        become(7);
        execl(program.c_str(), "user_map", "show", nullptr);
        return 1;
    });
}
int say() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    CHECK(CALL(capget, &header, data) == 0);
    printf("%u %u, auxv %lu %lu %lu %lu secure %lu, permitted %x\n", getuid(), geteuid(), getauxval(AT_UID),
           getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE), data[0].permitted);
    fflush(stdout);
    return failures;
}

void programs() {
    Path program{own, "/program"}, theirs{others, "/program"};
    put(program, 0755, self);
    run("plain", program);
    CHECK(chown(program.c_str(), 5, 6) == 0 && chmod(program.c_str(), 06755) == 0);
    run("set-user-ID of one who is mapped", program);
    run("of one who is not", theirs);
    vfs_cap_data value{.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                       .data = {{1u << CAP_KILL, 0}, {0, 0}}};
    vfs_ns_cap_data got{}, with_root{};
    memcpy(&with_root, &value, sizeof value);
    with_root.magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE;
    with_root.rootid = unmapped;
    const char* name = "security.capability";
    CHECK(chmod(program.c_str(), 0755) == 0 && setxattr(program.c_str(), name, &value, sizeof value, 0) == 0);
    CHECK(getxattr(program.c_str(), name, &got, sizeof got) == sizeof value && memcmp(&got, &value, sizeof value) == 0);
    run("with a capability", program);
    FAILS(EINVAL, setxattr(program.c_str(), name, &with_root, sizeof with_root, 0));
    with_root.rootid = 5; // for a namespace whose root that is: not this one
    CHECK(setxattr(program.c_str(), name, &with_root, sizeof with_root, 0) == 0);
    CHECK(getxattr(program.c_str(), name, &got, sizeof got) == sizeof got && got.rootid == 5);
    run("with another's", program);
    CHECK(removexattr(program.c_str(), name) == 0);
    FAILS(EPERM, setxattr(theirs.c_str(), name, &value, sizeof value, 0));
}

/// Both directories as the machine's root makes them.
void prepare() {
    umask(0);
    CHECK(mkdir(own, 0755) == 0 && chown(own, 100'000, 300'000) == 0 && mkdir(others, 0755) == 0);
    put(Path{others, "/plain"}, 0644);
    put(Path{others, "/secret"}, 0600);
    put(Path{others, "/program"}, 04755, self);
}
/// Starts anew in a namespace with the maps, as its root.
void enter() {
    int ready[2], go[2];
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    char c = 0;
    pid_t child = start([&] {
        CHECK(unshare(CLONE_NEWUSER | CLONE_NEWUTS) == 0 && write(ready[1], "r", 1) == 1 && read(go[0], &c, 1) == 1);
        CHECK(setgid(0) == 0 && setuid(0) == 0);
        fflush(stdout);
        execl(self, self, own, others, nullptr);
        return 1;
    });
    CHECK(read(ready[0], &c, 1) == 1);
    for (const char* map : {uids, gids}) {
        char path[40];
        snprintf(path, sizeof path, "/proc/%d/%s", child, map == uids ? "uid_map" : "gid_map");
        int fd = open(path, O_WRONLY);
        CHECK(write(fd, map, strlen(map)) == static_cast<long>(strlen(map)) && close(fd) == 0);
    }
    int status = 0;
    CHECK(write(go[1], "g", 1) == 1 && waitpid(child, &status, 0) == child && status == 0);
}
} // namespace

int main(int count, char** arguments) {
    if (count == 2) return say();
    if (count < 3) return 100;
    own = arguments[1], others = arguments[2], self = arguments[0];
    if (count == 3) {
        identity();
        files();
        machine();
        signals();
        proc();
        programs();
        return finish("user_map");
    }
    prepare();
    enter();
    return failures != 0;
}
