// What happens to a system call when one of its pointers is bad and its other arguments are good. The rows come from
// the kernel's own table (tools/syscalls.py --rows), so that no call and no pointer is left out; a `Form` says what the
// good arguments are where the plain ones would not reach the pointer.
#pragma once
#include "tests/linux/check.h"
#include "tests/linux/raw_call.h"
#include <asm/unistd.h>
#include <fcntl.h>
#include <initializer_list>
#include <iterator>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

/// What stands in a register. `address` may point to memory in the kernel's eyes or is only a number to it.
enum Kind { none, number, size, bytes, elements, fd, dirfd, path, in, out, address };

struct Row {
    const char* name;
    long number;
    bool counts; // its result is how much was done: printed. That of others may differ from run to run
    Kind arguments[6];
};

/// One argument of a form: left to the kind (nothing given), fixed, or a good pointer (or null) that the bad ones
/// replace.
struct Argument {
    long value = 0;
    bool given = false, tried = false;
    constexpr Argument() = default;
    Argument(long v) : value{v}, given{true} {}
};
static Argument tried(const void* good = nullptr) {
    Argument a{reinterpret_cast<long>(good)};
    a.tried = true;
    return a;
}
inline constexpr Argument plain;

struct Form {
    const char* call;
    const char* name; // of this way to call it
    Argument arguments[6];
    void (*before)() = nullptr;
    long* inner = nullptr; // the pointer to replace stands here, in memory, and not in a register
};

/// Values to be tried, the ones that change nothing first.
struct Values {
    const char* names[12];
    int count;
    long (*value)(int which, const void* good); // may write the good object where the value points
    void (*before)();
};

struct Case {
    const Row* row;
    const Form* form; // may be null
    int tried;        // the argument, -1 for the form's inner pointer
    const Values* values;
};

static char *straddled, *shifted, *fixed; // pages for half, unaligned, readonly
static char objects[6][4096];             // what plain pointers point to
static long* results;                     // shared with the child that makes the calls
static int file, pipe_in, pipe_out;
inline constexpr long not_made = 1 << 20, not_back = not_made + 1;
inline constexpr size_t object_size = 256; // every good object is this long

/// A good object of a form: a copy with room behind it.
template <class T>
static const void* good(const T& object) {
    static_assert(sizeof object <= object_size);
    char* p = static_cast<char*>(calloc(1, object_size));
    return memcpy(p, &object, sizeof object);
}

static char* new_pages(int count, int flags) {
    void* p = mmap(nullptr, static_cast<size_t>(count) * 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    return static_cast<char*>(p);
}
static void make_pages() {
    straddled = new_pages(2, MAP_PRIVATE);
    mprotect(straddled + 4096, 4096, PROT_NONE);
    shifted = new_pages(2, MAP_PRIVATE);
    fixed = new_pages(2, MAP_PRIVATE);
    results = reinterpret_cast<long*>(new_pages(1, MAP_SHARED));
}

/// Puts the good object where a bad pointer shows a part of it, and returns the pointer.
static long bad_pointer(int which, const void* good) {
#if defined(__riscv)
    constexpr long user_top = 0x40'0000'0000;
#else
    constexpr long user_top = 0x7fff'ffff'f000;
#endif
    switch (which) {
    case 0: return 0;
    case 1: return 1;
    case 2: return 1L << 56 | 0x1000;
    case 3: return ~0L << 38;
    case 4: return -8;
    case 5: return user_top - 3;
    case 6: return reinterpret_cast<long>(good ? memcpy(straddled + 4093, good, 3) : memset(straddled + 4093, 0, 3));
    case 7: return reinterpret_cast<long>(good ? memcpy(shifted + 1, good, object_size) : memset(shifted + 1, 0, 4096));
    default:
        mprotect(fixed, 4096, PROT_READ | PROT_WRITE);
        good ? memcpy(fixed, good, object_size) : memset(fixed, 0, 4096);
        mprotect(fixed, 4096, PROT_READ);
        return reinterpret_cast<long>(fixed);
    }
}

static const Values bad_pointers = {
    {"null", "one", "noncanonical", "kernel", "end", "top", "half", "unaligned", "readonly"}, 9, bad_pointer, nullptr};

static char long_name[257], longest_name[256], long_path[4097], longest_path[4096];

/// The links that lead nowhere, or there by the most and by one more than the most links.
static void make_links() {
    static bool chain_made;
    char name[8], target[8] = "file";
    for (int i = 1; i < 40 && !chain_made; i++) {
        snprintf(name, sizeof name, "l%d", i);
        symlink(target, name);
        strcpy(target, name);
    }
    chain_made = true;
    const char* const heads[][2] = {{"loop", "loop"}, {"l40", "l39"}, {"l41", "l40"}};
    for (auto [link, to] : heads) {
        unlink(link);
        symlink(to, link);
    }
}
static long bad_path(int which, const void*) {
    const char* const paths[] = {"",      long_name, long_path,   "loop", "loop/x",     "l41",
                                 "l41/x", "file/x",  "missing/x", "l40",  longest_name, longest_path};
    return reinterpret_cast<long>(paths[which]);
}
static const Values bad_paths = {{"empty", "long name", "long path", "loop", "beyond a loop", "41 links",
                                  "beyond 41 links", "below a file", "missing", "40 links", "longest name",
                                  "longest path"},
                                 12,
                                 bad_path,
                                 make_links};

/// The same start for every call: "file" and the link to it, the file's position, one message in the pipe.
static void start_afresh() {
    close(open("file", O_CREAT | O_RDWR, 0600));
    chmod("file", 0600);
    if (ftruncate(file, 4096)) _exit(9);
    lseek(file, 0, SEEK_SET);
    char drain[64];
    while (read(pipe_out, drain, sizeof drain) > 0) {}
    if (write(pipe_in, "12345678", 8) != 8) _exit(9);
    for (auto& o : objects) memset(o, 0, sizeof o);
}

static long plain_value(Kind kind, int at) {
    switch (kind) {
    case size:
    case bytes: return 8;
    case elements: return 1;
    case fd: return file;
    case dirfd: return AT_FDCWD;
    case path: return reinterpret_cast<long>("file\0                 ");
    case in:
    case out:
    case address: return reinterpret_cast<long>(objects[at]);
    default: return 0;
    }
}
static const void* good_object(const Case& c) {
    if (c.tried < 0) return nullptr;
    if (c.form && c.form->arguments[c.tried].given)
        return reinterpret_cast<const void*>(c.form->arguments[c.tried].value);
    if (c.row->arguments[c.tried] != path) return nullptr;
    static char name[object_size] = "file";
    return name;
}

/// Makes the calls from `first` on. Where a call makes a process, that one ends at once.
static void make_calls(const Case& c, int first) {
    for (int which = first; which < c.values->count; which++) {
        start_afresh();
        if (c.values->before) c.values->before();
        if (c.form && c.form->before) c.form->before();
        long registers[6];
        for (int i = 0; i < 6; i++) {
            bool given = c.form && c.form->arguments[i].given;
            registers[i] = given ? c.form->arguments[i].value : plain_value(c.row->arguments[i], i);
        }
        (c.tried < 0 ? *c.form->inner : registers[c.tried]) = c.values->value(which, good_object(c));
        results[which] = not_back;
        long self = raw_call(__NR_getpid, registers);
        long result = raw_call(c.row->number, registers);
        const long zero[6]{};
        if (raw_call(__NR_getpid, zero) != self) raw_call(__NR_exit_group, zero);
        results[which] = result;
    }
    const long zero[6]{};
    raw_call(__NR_exit_group, zero);
}

static bool is_ok(long result) { return (result >= 0 || result < -4095) && result != not_back; }
static void print_result(const Row& row, long result, int status) {
    static const struct {
        int number;
        const char* name;
    } errors[] = {{EFAULT, "EFAULT"}, {EINVAL, "EINVAL"}, {ENOENT, "ENOENT"},   {EBADF, "EBADF"},
                  {ENOMEM, "ENOMEM"}, {EPERM, "EPERM"},   {EINTR, "EINTR"},     {EAGAIN, "EAGAIN"},
                  {ENOSYS, "ENOSYS"}, {EEXIST, "EEXIST"}, {ENOTDIR, "ENOTDIR"}, {EOPNOTSUPP, "EOPNOTSUPP"},
                  {ENOTTY, "ENOTTY"}, {EACCES, "EACCES"}, {ELOOP, "ELOOP"},     {ENAMETOOLONG, "ENAMETOOLONG"},
                  {EISDIR, "EISDIR"}, {ERANGE, "ERANGE"}};
    if (result == not_back) {
        bool killed = WIFSIGNALED(status);
        printf("%s %d", killed ? "signal" : "ended", killed ? WTERMSIG(status) : WEXITSTATUS(status));
    } else if (is_ok(result) && row.counts) {
        printf("%ld", result);
    } else if (is_ok(result)) {
        printf("ok");
    } else {
        for (const auto& e : errors)
            if (e.number == -result) return static_cast<void>(printf("%s", e.name));
        printf("errno %ld", -result);
    }
}

/// A line per pointer: each result with the bad pointers that led to it.
static void run_case(const Case& c) {
    int statuses[12]{}, count = c.values->count;
    for (int i = 0; i < count; i++) results[i] = not_made;
    for (int next = 0; next < count;) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            make_calls(c, next);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child) {
            printf("%s: the child is lost\n", c.row->name);
            failures++;
            return;
        }
        int made = next;
        while (made < count && results[made] != not_made) statuses[made++] = status;
        if (made == next) results[made++] = not_back; // the start of a call failed
        next = made;
    }
    printf("%s", c.row->name);
    if (c.form && c.form->name[0]) printf(" %s", c.form->name);
    c.tried < 0 ? printf(", inside:") : printf(", argument %d:", c.tried + 1);
    bool printed[12]{};
    for (int i = 0; i < count; i++) {
        if (printed[i]) continue;
        printf(" ");
        print_result(*c.row, results[i], statuses[i]);
        printf(" (");
        for (int k = i; k < count; k++) {
            if (results[k] != results[i] && (c.row->counts || !is_ok(results[i]) || !is_ok(results[k]))) continue;
            printf("%s%s", k == i ? "" : " ", c.values->names[k]);
            printed[k] = true;
        }
        printf(")");
    }
    printf("\n");
}

static void run_row(const Row& row, const Form* form, const Values& values) {
    bool only_paths = &values == &bad_paths;
    if (form && form->inner) return only_paths ? void() : run_case({&row, form, -1, &values});
    for (int i = 0; i < 6; i++) {
        Kind kind = row.arguments[i];
        bool pointer = kind == path || (!only_paths && (kind == in || kind == out || kind == address));
        bool given = form && form->arguments[i].given;
        if (given ? form->arguments[i].tried && !only_paths : pointer) run_case({&row, form, i, &values});
    }
}

struct LeftOut {
    const char *call, *why;
};
template <class Rows, class Forms, class Left>
static void run_table(const Rows& rows, const Forms& forms, const Left& left_out, const Values& values) {
    for (const Row& row : rows) {
        bool done = false;
        for (const LeftOut& l : left_out) done |= strcmp(l.call, row.name) == 0;
        if (done) continue;
        for (const Form& f : forms)
            if (strcmp(f.call, row.name) == 0) run_row(row, &f, values), done = true;
        if (!done) run_row(row, nullptr, values);
    }
}

/// Must be called first. Executed by one of the calls, the program only ends.
static void prepare(int argc, char** argv) {
    if (argc < 1 || !argv[0] || !strstr(argv[0], "bad_pointers")) _exit(77);
    // Without capabilities nothing here can change the machine, with a good pointer neither.
    gid_t group = 0;
    syscall(__NR_setgroups, 1, &group);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct nothing[2]{};
    CHECK(syscall(__NR_capset, &header, nothing) == 0);
    make_pages();
    memset(long_name, 'n', 256);
    memset(longest_name, 'n', 255);
    for (int i = 0; i < 4096; i++) long_path[i] = i % 2 ? '/' : '.';
    memcpy(longest_path, long_path, 4095);
    memcpy(longest_path + 4090, "/file", 5);
    file = open("file", O_CREAT | O_RDWR, 0600);
    int ends[2];
    CHECK(file >= 0 && pipe2(ends, O_NONBLOCK) == 0 && symlink("file", "link") == 0 && mkdir("folder", 0700) == 0);
    pipe_out = ends[0], pipe_in = ends[1];
}
