// System V shared memory: shmget(2), shmop(2), shmctl(2).
// qemu-user: has System V IPC only in part
#include "tests/linux/check.h"
#include <initializer_list>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#ifndef SHM_DEST
#define SHM_DEST 01000
#define SHM_LOCKED 02000
#endif

namespace {
constexpr size_t page = 4096;

int made(size_t size, int flags = IPC_CREAT | 0600, key_t key = IPC_PRIVATE) {
    int id = shmget(key, size, flags);
    CHECK(id >= 0);
    return id;
}
char* attach(int id, void* at = nullptr, int flags = 0) { return static_cast<char*>(shmat(id, at, flags)); }
bool failed(const void* at) { return at == reinterpret_cast<void*>(-1); }
shmid_ds stat_of(int id) {
    shmid_ds s{};
    CHECK(shmctl(id, IPC_STAT, &s) == 0);
    return s;
}
void remove(int id) { CHECK(shmctl(id, IPC_RMID, nullptr) == 0); }

void getting() {
    constexpr key_t key = 0x53484d31;
    FAILS(EINVAL, shmget(IPC_PRIVATE, 0, 0600));
    FAILS(EINVAL, shmget(IPC_PRIVATE, ~size_t{0} - page, 0600));
    int id = made(5000, IPC_CREAT | IPC_EXCL | 0604, key);
    FAILS(EINVAL, shmget(key, 5001, 0));
    CHECK(shmget(key, 100, 0) == id && shmget(key, 0, 0) == id);
    FAILS(EEXIST, shmget(key, 0, IPC_CREAT | IPC_EXCL));
    shmid_ds s = stat_of(id);
    CHECK(s.shm_segsz == 5000 && s.shm_nattch == 0 && s.shm_cpid == getpid() && s.shm_lpid == 0 && s.shm_atime == 0 &&
          s.shm_dtime == 0 && time(nullptr) - s.shm_ctime <= 10 && s.shm_perm.mode == 0604);
    remove(id);
    FAILS(ENOENT, shmget(key, 0, 0));
    FAILS(EINVAL, shmctl(id, IPC_STAT, &s));
}

void sharing() {
    int id = made(2 * page);
    char* here = attach(id);
    CHECK(!failed(here) && here[0] == 0 && here[2 * page - 1] == 0);
    char* again = attach(id);
    CHECK(!failed(again) && again != here && stat_of(id).shm_nattch == 2);
    strcpy(here, "from here");
    CHECK(!strcmp(again, "from here"));
    CHECK(exit_of(start([&] {
              CHECK(stat_of(id).shm_nattch == 4 && !strcmp(here, "from here"));
              strcpy(again + page, "from a child");
              CHECK(shmdt(here) == 0 && stat_of(id).shm_nattch == 3);
              return failures;
          })) == 0);
    shmid_ds s = stat_of(id);
    CHECK(s.shm_nattch == 2 && !strcmp(here + page, "from a child") && s.shm_atime != 0);
    CHECK(shmdt(again) == 0);
    FAILS(EINVAL, shmdt(again));
    FAILS(EINVAL, shmdt(here + 1));
    FAILS(EINVAL, shmdt(here + page)); // not where it begins
    s = stat_of(id);
    CHECK(s.shm_nattch == 1 && s.shm_lpid == getpid() && s.shm_dtime != 0);
    CHECK(shmdt(here) == 0 && stat_of(id).shm_nattch == 0);
    here = attach(id); // the bytes stay
    CHECK(!strcmp(here, "from here") && !strcmp(here + page, "from a child"));
    CHECK(shmdt(here) == 0);
    remove(id);
}

void removing() {
    constexpr key_t key = 0x53484d32;
    int id = made(page, IPC_CREAT | 0600, key);
    char* here = attach(id);
    remove(id);
    FAILS(ENOENT, shmget(key, 0, 0)); // no more by its key
    shmid_ds s = stat_of(id);
    CHECK(s.shm_perm.mode == (0600 | SHM_DEST) && s.shm_perm.__key == IPC_PRIVATE && s.shm_nattch == 1);
    char* again = attach(id); // but by its number
    CHECK(!failed(again));
    *here = 'x';
    CHECK(*again == 'x' && shmdt(here) == 0 && stat_of(id).shm_nattch == 1);
    CHECK(exit_of(start([] {})) == 0 && stat_of(id).shm_nattch == 1);
    CHECK(munmap(again, page) == 0); // detaches as well
    FAILS(EINVAL, shmctl(id, IPC_STAT, &s));
    // The end of the process does, too; so does exec.
    id = made(page);
    CHECK(exit_of(start([&] {
              char* there = attach(id);
              remove(id);
              return failed(there) ? 1 : 0;
          })) == 0);
    FAILS(EINVAL, shmctl(id, IPC_STAT, &s));
}

void places() {
    int id = made(3 * page);
    char* room = static_cast<char*>(mmap(nullptr, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(munmap(room, 8 * page) == 0);
    CHECK(attach(id, room) == room && shmdt(room) == 0);
    CHECK(failed(attach(id, room + 1)) && errno == EINVAL);
    CHECK(attach(id, room + 1, SHM_RND) == room);
    CHECK(failed(attach(id, room + page)) && errno == EINVAL); // taken
    CHECK(failed(attach(id, nullptr, SHM_REMAP)) && errno == EINVAL);
    strcpy(room, "below");
    CHECK(attach(id, room + page, SHM_REMAP) == room + page && !strcmp(room + page, "below"));
    CHECK(stat_of(id).shm_nattch == 2);
    // A hole makes two of one; shmdt takes both.
    CHECK(munmap(room + 2 * page, page) == 0 && stat_of(id).shm_nattch == 3);
    CHECK(shmdt(room + page) == 0 && stat_of(id).shm_nattch == 1);
    CHECK(shmdt(room) == 0 && stat_of(id).shm_nattch == 0);
    FAILS(EINVAL, shmdt(room));
    CHECK(failed(attach(-1)) && errno == EINVAL);
    remove(id);
    CHECK(failed(attach(id)) && errno == EINVAL);
}

void access() {
    int id = made(page);
    char* readable = attach(id, nullptr, SHM_RDONLY);
    CHECK(!failed(readable) && *readable == 0);
    FAILS(EACCES, mprotect(readable, page, PROT_READ | PROT_WRITE));
    struct rlimit none{};
    CHECK(exit_of(start([&] {
              setrlimit(RLIMIT_CORE, &none);
              *const_cast<volatile char*>(readable) = 1;
          })) == 128 + SIGSEGV);
    int mine = made(page, 0600), shown = made(page, 0604);
    CHECK(exit_of(start([&] {
              CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
              CHECK(failed(attach(mine, nullptr, SHM_RDONLY)) && errno == EACCES);
              CHECK(!failed(attach(shown, nullptr, SHM_RDONLY)));
              CHECK(failed(attach(shown)) && errno == EACCES);
              CHECK(failed(attach(shown, nullptr, SHM_RDONLY | SHM_EXEC)) && errno == EACCES);
              FAILS(EPERM, shmctl(shown, IPC_RMID, nullptr));
              FAILS(EPERM, shmctl(shown, SHM_LOCK, nullptr));
              FAILS(EPERM, shmget(IPC_PRIVATE, page, IPC_CREAT | SHM_HUGETLB | 0600));
              return failures;
          })) == 0);
    CHECK(shmctl(mine, SHM_LOCK, nullptr) == 0 && stat_of(mine).shm_perm.mode == (0600 | SHM_LOCKED));
    CHECK(shmctl(mine, SHM_UNLOCK, nullptr) == 0 && stat_of(mine).shm_perm.mode == 0600);
    CHECK(shmdt(readable) == 0);
    for (int one : {id, mine, shown}) remove(one);
}

void changing() {
    int id = made(page, IPC_CREAT | 0640);
    shmid_ds before = stat_of(id), wanted = before;
    sleep(1);
    wanted.shm_perm.mode = 0604;
    wanted.shm_perm.uid = 12345;
    CHECK(shmctl(id, IPC_SET, &wanted) == 0);
    shmid_ds after = stat_of(id);
    CHECK(after.shm_ctime > before.shm_ctime && after.shm_perm.mode == 0604 && after.shm_perm.uid == 12345 &&
          after.shm_perm.cuid == getuid());
    wanted.shm_perm.gid = ~0u;
    FAILS(EINVAL, shmctl(id, IPC_SET, &wanted));
    FAILS(EFAULT, shmctl(id, IPC_SET, nullptr));
    remove(id);
}

void lists() {
    int id = made(3 * page, IPC_CREAT | 0640, 0x53484d33);
    char* here = attach(id);
    memset(here, 1, 2 * page);
    struct shm_info use{};
    struct shminfo info{};
    int highest = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&use));
    CHECK(highest >= 0 && use.used_ids >= 1 && use.shm_tot >= 3 && use.shm_rss >= 2);
    CHECK(shmctl(0, IPC_INFO, reinterpret_cast<shmid_ds*>(&info)) == highest);
    CHECK(info.shmmin == 1 && info.shmmni == 4096);
    bool found = false;
    for (int i = 0; i <= highest; i++) {
        shmid_ds s{};
        if (shmctl(i, SHM_STAT, &s) == id) found = s.shm_nattch == 1 && shmctl(i, SHM_STAT_ANY, &s) == id;
    }
    CHECK(found);
    char line[400], wanted[100], name[40];
    snprintf(wanted, sizeof wanted, "%10d %10d  %4o %21zu %5d %5d  %5d", 0x53484d33, id, 0640, 3 * page, getpid(),
             getpid(), 1);
    found = false;
    FILE* file = fopen("/proc/sysvipc/shm", "r");
    while (file && fgets(line, sizeof line, file))
        found |= !strncmp(line, wanted, strlen(wanted)) && strstr(line, " 8192                     0\n");
    CHECK(found);
    if (file) fclose(file);
    snprintf(name, sizeof name, "/SYSV%08x (deleted)\n", 0x53484d33);
    snprintf(wanted, sizeof wanted, " %d  ", id);
    found = false;
    file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) found |= strstr(line, name) && strstr(line, wanted);
    CHECK(found);
    if (file) fclose(file);
    CHECK(shmdt(here) == 0);
    remove(id);
}
} // namespace

int main() {
    getting();
    sharing();
    removing();
    places();
    access();
    changing();
    lists();
    return finish("sysv_memory");
}
