// qemu-user: has its own loader
// Programs that are not what they say: damaged copies of this one, and scripts whose interpreters lead in circles.
// What becomes of each is printed: the error of execve, or how the process ended.
#include "tests/linux/check.h"
#include <elf.h>
#include <fcntl.h>
#include <initializer_list>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char* image; // this program
static size_t size;
static Elf64_Ehdr* header;
static Elf64_Phdr* programs;

static void load_self() {
    int fd = open("/proc/self/exe", O_RDONLY);
    struct stat s;
    CHECK(fd >= 0 && fstat(fd, &s) == 0);
    size = static_cast<size_t>(s.st_size);
    image = static_cast<char*>(malloc(size));
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, image + done, size - done);
        if (n <= 0) break;
        done += static_cast<size_t>(n);
    }
    CHECK(done == size);
    close(fd);
}

static void write_file(const char* name, const void* bytes, size_t n) {
    unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    CHECK(fd >= 0 && write(fd, bytes, n) == static_cast<ssize_t>(n));
    close(fd);
}

/// Executes the file and says what came of it.
static void try_to_run(const char* what, const char* name) {
    int report[2];
    CHECK(pipe2(report, O_CLOEXEC) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char* args[] = {const_cast<char*>(name), const_cast<char*>("again"), nullptr};
        alarm(20);
        execve(name, args, environ);
        int error = errno;
        if (write(report[1], &error, sizeof error) < 0) {}
        _exit(1);
    }
    close(report[1]);
    int status = 0, error = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    bool failed = read(report[0], &error, sizeof error) == sizeof error;
    close(report[0]);
    if (failed)
        printf("%s: errno %d\n", what, error);
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else
        printf("%s: ended with %d\n", what, WEXITSTATUS(status));
}

/// A copy of the image with room behind it, changed by `change`, run.
template <class Change>
static void with(const char* what, Change change) {
    constexpr size_t room = 8192;
    char* copy = static_cast<char*>(calloc(1, size + room));
    memcpy(copy, image, size);
    header = reinterpret_cast<Elf64_Ehdr*>(copy);
    programs = reinterpret_cast<Elf64_Phdr*>(copy + header->e_phoff);
    size_t length = change();
    write_file("program", copy, length ? length : size + room);
    try_to_run(what, "./program");
    free(copy);
}

static Elf64_Phdr& segment(unsigned type, int which = 0) {
    for (int i = 0; i < header->e_phnum; i++)
        if (programs[i].p_type == type && which-- == 0) return programs[i];
    printf("no segment of type %u\n", type);
    exit(1);
}
static Elf64_Phdr& code() {
    for (int i = 0; i < header->e_phnum; i++)
        if (programs[i].p_type == PT_LOAD && programs[i].p_flags & PF_X) return programs[i];
    exit(1);
}
static Elf64_Phdr& data() {
    for (int i = 0; i < header->e_phnum; i++)
        if (programs[i].p_type == PT_LOAD && programs[i].p_flags & PF_W) return programs[i];
    exit(1);
}

/// Gives the program an interpreter: the segment of no use to the kernel becomes PT_INTERP, its text lies behind all.
static size_t interpreter(const char* text, size_t length) {
    Elf64_Phdr& p = segment(PT_GNU_RELRO);
    p.p_type = PT_INTERP;
    p.p_offset = size;
    p.p_filesz = p.p_memsz = length;
    memcpy(reinterpret_cast<char*>(header) + size, text, strlen(text) + 1);
    return 0;
}

static void truncated() {
    with("whole", [] { return size; });
    for (size_t n : {1UL, 3UL, 4UL, 16UL, 52UL, 63UL, 64UL, 65UL, 120UL}) {
        char what[40];
        snprintf(what, sizeof what, "first %zu bytes", n);
        with(what, [n] { return n; });
    }
    with("the headers only", [] { return 64 + header->e_phnum * sizeof(Elf64_Phdr); });
    with("to the middle of its code", [] { return code().p_offset + 100; });
    write_file("program", "", 0);
    try_to_run("empty", "./program");
}

static void header_fields() {
    with("magic", [] { return header->e_ident[1] = 'X', size; });
    with("of another machine", [] { return header->e_machine = EM_ARM, size; });
    with("relocatable", [] { return header->e_type = ET_REL, size; });
    with("core", [] { return header->e_type = ET_CORE, size; });
    with("type 0", [] { return header->e_type = 0, size; });
    with("no program headers", [] { return header->e_phnum = 0, size; });
    with("65535 program headers", [] { return header->e_phnum = 0xffff, size; });
    with("program headers of another size", [] { return header->e_phentsize = 32, size; });
    with("program headers beyond the end", [] { return header->e_phoff = size + 4096, size; });
    with("program headers at the end of all", [] { return header->e_phoff = ~0UL - 8, size; });
    with("program headers at a negative place", [] { return header->e_phoff = 1UL << 63, size; });
    with("entry in the kernel", [] { return header->e_entry = ~0UL << 40, size; });
    with("entry at 0", [] { return header->e_entry = 0, size; });
    with("entry in data", [] { return header->e_entry = data().p_vaddr + 64, size; });
}

static void segments() {
    with("nothing to load", [] {
        for (int i = 0; i < header->e_phnum; i++)
            if (programs[i].p_type == PT_LOAD) programs[i].p_type = PT_NULL;
        return size;
    });
    with("code beyond the file", [] { return code().p_offset += 1UL << 30, size; });
    with("code at the largest offset", [] { return code().p_offset |= ~0UL << 12, size; });
    with("more in the file than in memory", [] { return data().p_filesz = data().p_memsz + 1, size; });
    with("2^46 bytes of memory", [] { return data().p_memsz = 1UL << 46, size; });
    with("2^47 bytes of memory", [] { return data().p_memsz = 1UL << 47, size; });
    with("2^63 bytes of memory", [] { return data().p_memsz = 1UL << 63, size; });
    with("all memory", [] { return data().p_memsz = ~0UL, size; });
    with("all the file", [] { return data().p_filesz = data().p_memsz = ~0UL, size; });
    with("in the kernel", [] { return data().p_vaddr |= ~0UL << 40, size; });
    with("wrapping around", [] { return data().p_vaddr |= ~0UL << 12, size; });
    with("at an odd address", [] { return code().p_vaddr++, size; });
    with("at an odd offset", [] { return code().p_offset++, size; });
    with("data over code", [] {
        Elf64_Phdr &c = code(), &d = data();
        d.p_vaddr = c.p_vaddr, d.p_offset = c.p_offset, d.p_filesz = d.p_memsz = 4096;
        return size;
    });
    with("code over data", [] { return code().p_memsz = data().p_vaddr + 4096 - code().p_vaddr, size; });
    with("in falling order", [] {
        Elf64_Phdr *c = &code(), *d = &data(), kept = *c;
        *c = *d;
        *d = kept;
        return size;
    });
    with("aligned to 3", [] { return code().p_align = 3, size; });
    with("aligned to 0", [] { return code().p_align = 0, size; });
    with("code without its right", [] { return code().p_flags = PF_R, size; });
    with("no rights at all", [] { return code().p_flags = 0, size; });
}

static void interpreters() {
    with("interpreter missing", [] { return interpreter("/nonexistent", 13); });
    with("interpreter without an end", [] { return interpreter("/nonexistent", 5); });
    with("interpreter of no length", [] { return interpreter("", 0); });
    with("interpreter of one byte", [] { return interpreter("", 1); });
    with("interpreter \"\"", [] { return interpreter("", 2); });
    with("interpreter of 4096 bytes", [] { return interpreter("/nonexistent", 4096); });
    with("interpreter of 4097 bytes", [] { return interpreter("/nonexistent", 4097); });
    with("interpreter of 2^40 bytes", [] { return interpreter("/nonexistent", 1UL << 40); });
    with("interpreter beyond the file", [] {
        interpreter("", 10);
        return size;
    });
    with("interpreter is a directory", [] { return interpreter("/tmp", 5); });
    write_file("script", "#!/bin/sh\n", 10);
    with("interpreter is a script", [] { return interpreter("./script", 9); });
    write_file("text", "hello, interpreter of a program, this is text and longer than a header ............", 80);
    with("interpreter is text", [] { return interpreter("./text", 7); });
    chmod("text", 0644);
    with("interpreter may not be executed", [] { return interpreter("./text", 7); });
    with("interpreter is the program itself", [] { return interpreter("./program", 10); });
    symlink("around", "around");
    with("interpreter is a loop", [] { return interpreter("./around", 9); });
}

static void scripts() {
    const struct {
        const char *what, *text;
    } texts[] = {
        {"script itself", "#!./s\n"},         {"only #!", "#!"},
        {"#! and a line's end", "#!\n"},      {"#! and spaces", "#!   \n"},
        {"#! nowhere", "#!/nonexistent\n"},   {"#! a directory", "#!/tmp\n"},
        {"#! without an end", "#!./program"}, {"#! and nulls", "#!\0\0\0\0\n"},
        {"not executable", "#!./text\n"},
    };
    with("whole again", [] { return size; });
    for (const auto& t : texts) {
        write_file("s", t.text, strcmp(t.what, "#! and nulls") ? strlen(t.text) : 7);
        try_to_run(t.what, "./s");
    }
    write_file("ping", "#!./pong\n", 9);
    write_file("pong", "#!./ping\n", 9);
    try_to_run("two that name each other", "./ping");
    // A chain of scripts that ends at the program.
    char name[8] = "program", line[16];
    for (int i = 1; i <= 7; i++) {
        int n = snprintf(line, sizeof line, "#!./%s\n", name);
        snprintf(name, sizeof name, "c%d", i);
        write_file(name, line, static_cast<size_t>(n));
        char what[32];
        snprintf(what, sizeof what, "%d scripts in a row", i);
        char path[16];
        snprintf(path, sizeof path, "./%s", name);
        try_to_run(what, path);
    }
    // The first line is read up to 256 bytes.
    for (size_t n : {200UL, 252UL, 253UL, 254UL, 255UL, 256UL, 257UL, 4000UL}) {
        char text[4096];
        memset(text, 'x', sizeof text);
        memcpy(text, "#!./program ", 12);
        text[n] = '\n';
        write_file("s", text, n + 1);
        char what[48];
        snprintf(what, sizeof what, "an argument up to byte %zu", n);
        try_to_run(what, "./s");
        text[11] = 'x';
        write_file("s", text, n + 1);
        snprintf(what, sizeof what, "a name up to byte %zu", n);
        try_to_run(what, "./s");
    }
}

int main(int argc, char**) {
    if (argc > 1) return 77; // executed by one of the cases
    struct rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
    load_self();
    truncated();
    header_fields();
    segments();
    interpreters();
    scripts();
    return finish("bad_programs");
}
