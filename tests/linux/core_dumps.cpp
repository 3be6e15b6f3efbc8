// qemu-user: dumps its own
// core(5): which ends leave a core file, who may get one, and what stands in it.
#include "tests/linux/check.h"
#include <asm/ptrace.h>
#include <elf.h>
#include <fcntl.h>
#include <initializer_list>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {
constexpr rlim_t all = RLIM_INFINITY;
volatile unsigned long marker = 0x1234567;
char* dont_dump;
char* shared;

void allow_core(rlim_t bytes) {
    rlimit limit{bytes, all};
    setrlimit(RLIMIT_CORE, &limit);
}

/// The status of a child that ends itself after `prepare`.
int status_of(rlim_t limit, auto prepare, int signal) {
    pid_t child = start([&] {
        allow_core(limit);
        prepare();
        ::signal(signal, SIG_DFL); // who started us may ignore it
        raise(signal);
    });
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}
void nothing() {}
bool there() { return access("core", F_OK) == 0; }
/// Whether a child that ends so has dumped, as its status and the file say it alike.
bool dumps(rlim_t limit, auto prepare, int signal) {
    unlink("core");
    int status = status_of(limit, prepare, signal);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal);
    CHECK(!WCOREDUMP(status) == !there());
    return WCOREDUMP(status);
}

void which_signals() {
    for (int signal : {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS})
        CHECK(dumps(all, nothing, signal));
    for (int signal : {SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO,
                       SIGPWR, SIGSTKFLT, SIGRTMIN})
        CHECK(!dumps(all, nothing, signal));
    unlink("core");
    pid_t child = start([] {
        allow_core(all);
        raise(SIGSEGV);
    });
    siginfo_t info{};
    CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED) == 0);
    CHECK(info.si_code == CLD_DUMPED && info.si_status == SIGSEGV);
}

void who_gets_one() {
    CHECK(!dumps(0, nothing, SIGSEGV));
    CHECK(!dumps(4095, nothing, SIGSEGV));
    CHECK(!dumps(all, [] { prctl(PR_SET_DUMPABLE, 0); }, SIGSEGV));
    struct stat file;
    CHECK(dumps(20'000, nothing, SIGSEGV));
    CHECK(stat("core", &file) == 0 && file.st_blocks * 512 <= 20'480 && file.st_size > 4096);
    CHECK(dumps(all, [] { umask(0); }, SIGSEGV));
    CHECK(stat("core", &file) == 0 && S_ISREG(file.st_mode) && (file.st_mode & 07777) == 0600);
}

/// What stands there already is replaced, whatever it is, but for a directory; nobody else who has it is touched.
void what_is_there() {
    auto dumps_over = [] { return WCOREDUMP(status_of(all, nothing, SIGSEGV)); };
    auto is_new = [] {
        struct stat file;
        return lstat("core", &file) == 0 && S_ISREG(file.st_mode) && file.st_nlink == 1 && file.st_size > 4096 &&
               (file.st_mode & 07777) == 0600;
    };
    auto make = [](mode_t mode) {
        unlink("core");
        int fd = open("core", O_CREAT | O_WRONLY, 0600);
        CHECK(write(fd, "old", 3) == 3 && fchmod(fd, mode) == 0);
        close(fd);
    };
    struct stat file;
    make(0644);
    CHECK(link("core", "other") == 0 && dumps_over() && is_new());
    CHECK(stat("other", &file) == 0 && file.st_size == 3 && unlink("other") == 0);
    unlink("core");
    CHECK(symlink("other", "core") == 0 && dumps_over() && is_new() && access("other", F_OK) != 0);
    unlink("core");
    CHECK(mkfifo("core", 0600) == 0 && dumps_over() && is_new());
    unlink("core");
    CHECK(mkdir("core", 0700) == 0 && !dumps_over() && rmdir("core") == 0);
    CHECK(!WCOREDUMP(status_of(all, [] { umask(0200); }, SIGSEGV)) || !there());
    unlink("core");
    CHECK(!WCOREDUMP(status_of(all, [] { CHECK(chdir("/proc") == 0); }, SIGSEGV)));
}

// What stands in it.

struct Core {
    char* bytes = nullptr;
    size_t size = 0;
    const Elf64_Ehdr& header() const { return *reinterpret_cast<const Elf64_Ehdr*>(bytes); }
    const Elf64_Phdr& segment(unsigned i) const {
        return reinterpret_cast<const Elf64_Phdr*>(bytes + header().e_phoff)[i];
    }
    /// That an address of memory lies in; null.
    const Elf64_Phdr* segment_of(const volatile void* address) const {
        auto at = reinterpret_cast<unsigned long>(address);
        for (unsigned i = 0; i < header().e_phnum; i++)
            if (auto& s = segment(i); s.p_type == PT_LOAD && at - s.p_vaddr < s.p_memsz) return &s;
        return nullptr;
    }
    /// The bytes that memory held there; null: they are not in it.
    const char* memory(const volatile void* address) const {
        auto* s = segment_of(address);
        unsigned long at = s ? reinterpret_cast<unsigned long>(address) - s->p_vaddr : 0;
        return s && at < s->p_filesz ? bytes + s->p_offset + at : nullptr;
    }
    /// Calls visit(type, content, size) for each note.
    void notes(auto visit) const {
        CHECK(segment(0).p_type == PT_NOTE);
        const char* at = bytes + segment(0).p_offset;
        for (const char* end = at + segment(0).p_filesz; at < end;) {
            auto& note = *reinterpret_cast<const Elf64_Nhdr*>(at);
            const char* content = at + sizeof note + (note.n_namesz + 3) / 4 * 4;
            visit(note.n_type, content, note.n_descsz);
            at = content + (note.n_descsz + 3) / 4 * 4;
        }
    }
    explicit Core(const char* name) {
        int fd = open(name, O_RDONLY);
        struct stat file{};
        fstat(fd, &file);
        size = static_cast<size_t>(file.st_size);
        bytes = static_cast<char*>(mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0));
        close(fd);
    }
    ~Core() { munmap(bytes, size); }
};

struct Status { // struct elf_prstatus, as far as it is looked at
    int number, code, error;
    short current;
    unsigned long pending, blocked;
    int pid, parent, group, session;
    timeval times[4];
    unsigned long registers[27];
};
unsigned long stack_pointer(const Status& s) {
#ifdef __x86_64__
    return s.registers[19];
#else
    return s.registers[2];
#endif
}

void* wait_for_ever(void* told) {
    sigset_t mine;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mine, nullptr);
    (void)!write(*static_cast<int*>(told), "", 1);
    while (true) pause();
}

void content() {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    shared = static_cast<char*>(mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    dont_dump = static_cast<char*>(mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char local[] = "on the stack";
    unlink("core");
    pid_t child = start([&] {
        allow_core(all);
        marker = 0xfedcba98;
        strcpy(shared, "shared");
        strcpy(dont_dump, "secret");
        madvise(dont_dump, page, MADV_DONTDUMP);
        local[0] = 'O';
        int told[2];
        (void)!pipe(told);
        for (int i = 0; i < 3; i++) {
            pthread_t thread;
            pthread_create(&thread, nullptr, wait_for_ever, &told[1]);
            char one;
            (void)!read(told[0], &one, 1);
        }
        *static_cast<volatile int*>(nullptr) = 1;
    });
    int status;
    CHECK(waitpid(child, &status, 0) == child && WCOREDUMP(status));
    Core core{"core"};
    CHECK(core.size > sizeof(Elf64_Ehdr) && memcmp(core.bytes, ELFMAG, SELFMAG) == 0);
    CHECK(core.header().e_type == ET_CORE && core.header().e_phentsize == sizeof(Elf64_Phdr));
    int threads = 0, blocked = 0, others = 0;
    bool first = true, floats = false, files = false;
    core.notes([&](unsigned type, const char* content, size_t size) {
        if (first) CHECK(type == NT_PRSTATUS);
        if (type == NT_PRSTATUS) {
            auto& s = *reinterpret_cast<const Status*>(content);
            threads++;
            if (s.blocked & 1ul << (SIGUSR1 - 1)) blocked++;
            if (first) CHECK(s.pid == child && s.current == SIGSEGV && s.parent == getpid() && s.group == getpgrp());
            if (!first && s.pid != child) others++;
            CHECK(core.memory(reinterpret_cast<void*>(stack_pointer(s))));
        }
        if (type == NT_PRPSINFO) CHECK(memmem(content, size, "core_dumps", 10));
        if (type == NT_SIGINFO) {
            auto& info = *reinterpret_cast<const siginfo_t*>(content);
            CHECK(size == sizeof info && info.si_signo == SIGSEGV && info.si_code == SEGV_MAPERR && !info.si_addr);
        }
        if (type == NT_AUXV) CHECK(*reinterpret_cast<const unsigned long*>(content + size - 16) == AT_NULL);
        if (type == NT_PRFPREG) floats = true;
        if (type == NT_FILE) files = memmem(content, size, "core_dumps", 10);
        first = false;
    });
    CHECK(threads == 4 && blocked == 3 && others == 3 && floats && files);
    const char* there = core.memory(&marker);
    CHECK(there && *reinterpret_cast<const unsigned long*>(there) == 0xfedcba98);
    CHECK((there = core.memory(shared)) && strcmp(there, "shared") == 0);
    CHECK((there = core.memory(local)) && strcmp(there, "On the stack") == 0);
    CHECK(core.segment_of(dont_dump) && !core.memory(dont_dump));
    // The program's own text is known by its first page.
    CHECK(core.segment_of(reinterpret_cast<void*>(&content)) && !core.memory(reinterpret_cast<void*>(&content)));
}

/// /proc/pid/coredump_filter.
void filter() {
    char* mapped = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    strcpy(mapped, "shared");
    CHECK(dumps(
        all,
        [] {
            int fd = open("/proc/self/coredump_filter", O_WRONLY);
            CHECK(write(fd, "1", 1) == 1);
        },
        SIGQUIT));
    Core core{"core"};
    CHECK(core.segment_of(mapped) && !core.memory(mapped) && core.memory(&marker));
}

/// A page that was never touched takes no room.
void holes() {
    constexpr size_t size = 64 << 20;
    CHECK(dumps(
        all,
        [] {
            auto* large =
                static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
            large[size / 2] = 1;
        },
        SIGABRT));
    struct stat file;
    CHECK(stat("core", &file) == 0 && file.st_size > static_cast<off_t>(size) &&
          file.st_blocks * 512 < static_cast<off_t>(size / 4));
}
} // namespace

int main() {
    char folder[] = "/tmp/core-dumps-XXXXXX";
    CHECK(mkdtemp(folder) && chdir(folder) == 0);
    which_signals();
    who_gets_one();
    what_is_there();
    content();
    filter();
    holes();
    unlink("core");
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
    return finish("core_dumps");
}
