// The runner, a part of each program of rows. /bench/list has a line "PROGRAM tab NAME" for each row; a program runs
// its rows, each in a child of its own, and then becomes the next program. A row prints:
//
//     @begin NAME            before it runs: says which row took the machine down
//     @row NAME \t median \t least \t most \t operations in all
//     @fail NAME \t why      @notyet NAME \t why      @leftout NAME \t why
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>

#include "bench/rows/rows.h"

extern const struct Row __start_rows[], __stop_rows[];

int in_row, batches_wanted = BATCHES;
static const char* current = "start";
static double costs[BATCHES];
static int batches;
static double overhead, units = 1, per_batch;

void batch_end(int batch, uint64_t took, uint64_t operations) {
    if (batch && in_row) MARK_END();
    per_batch = (double)operations;
    if (batch) costs[batches++ % BATCHES] = (double)took / (double)operations;
}

void divide_by(double parts) { units = parts; }

void report(double value) {
    per_batch = 1;
    for (batches = 0; batches < batches_wanted; ++batches) costs[batches] = value + overhead;
}

static const char* why_of(int error) {
    switch (error) {
    case ENOSYS:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT: return "@notyet";
    default: return "@fail";
    }
}

void failed(const char* what, const char* file, int line) {
    int error = errno;
    const char* base = strrchr(file, '/');
    printf("%s %s\t%s:%d: %s: %s\n", why_of(error), current, base ? base + 1 : file, line, what, strerror(error));
    fflush(stdout);
    _exit(2);
}

void wrong(const char* what) {
    printf("@fail %s\t%s does not hold\n", current, what);
    fflush(stdout);
    _exit(2);
}

void leave_out(const char* why) {
    printf("@leftout %s\t%s\n", current, why);
    fflush(stdout);
    _exit(2);
}

void reap(pid_t child) {
    int status = -1;
    check(waitpid(child, &status, 0));
    if (status) {
        char text[80];
        snprintf(text, sizeof text, "a child's status 0 (it is %#x)", (unsigned)status);
        wrong(text);
    }
}

double memory_free(void) {
    char text[4096];
    int file = check(open("/proc/meminfo", O_RDONLY));
    ssize_t n = check(read(file, text, sizeof text - 1));
    close(file);
    text[n] = 0;
    const char* line = strstr(text, "MemFree:");
    require(line != NULL);
    return 1024 * strtod(line + 8, NULL);
}

static int compare(const void* a, const void* b) {
    double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

static double median(void) {
    qsort(costs, (size_t)batches_wanted, sizeof costs[0], compare);
    return costs[batches_wanted / 2];
}

static void run(const struct Row* row, int n) {
    batches = 0;
    in_row = 1;
    if (n)
        row->run_with(n);
    else
        row->run();
    if (batches != batches_wanted) wrong("the row measured once");
    double middle = median();
    printf("@row %s\t%.2f\t%.2f\t%.2f\t%.0f\n", current, (middle - overhead) / units, (costs[0] - overhead) / units,
           (costs[batches_wanted - 1] - overhead) / units, per_batch * batches_wanted * units);
    fflush(stdout);
}

static int remove_below(const char* path, const struct stat* status, int kind, struct FTW* at) {
    (void)status, (void)kind;
    if (at->level) remove(path);
    return 0;
}
/// So that what a row pays for its names does not depend on how they fall among those of the rows before it.
static void empty_tmp(void) { nftw("/tmp", remove_below, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

static void run_in_child(const struct Row* row, const char* name, int n) {
    current = name;
    printf("@begin %s\n", name);
    fflush(stdout);
    empty_tmp();
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        run(row, n);
        exit(0);
    }
    int status = 0;
    if (child < 0) {
        printf("@fail %s\tfork: %s\n", name, strerror(errno));
        return;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    kill(-child, SIGKILL); // the row's other processes: ours now if we are the first process
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {}
    if (WIFSIGNALED(status))
        printf("@fail %s\tended by signal %d\n", name, WTERMSIG(status));
    else if (status && WEXITSTATUS(status) != 2)
        printf("@fail %s\texit status %d\n", name, WEXITSTATUS(status));
    fflush(stdout);
}

/// Rows of a GROWTH have the number appended: "NAME @ 100".
static void each_row(void (*visit)(const struct Row*, const char* name, int n, const char* wanted),
                     const char* wanted) {
    for (const struct Row* row = __start_rows; row != __stop_rows; ++row) {
        if (row->run) visit(row, row->name, 0, wanted);
        for (int n = 1; n <= row->most; n *= 10) {
            char name[200];
            snprintf(name, sizeof name, "%s @ %d", row->name, n);
            visit(row, name, n, wanted);
        }
    }
}

static void print_name(const struct Row* row, const char* name, int n, const char* wanted) {
    (void)row, (void)n, (void)wanted;
    printf("%s\n", name);
}

static bool found;
static void run_if_wanted(const struct Row* row, const char* name, int n, const char* wanted) {
    if (strcmp(name, wanted) != 0) return;
    found = true;
    run_in_child(row, name, n);
}

/// Runs this program's rows from the list's line `first` on, then becomes the program of the next line, if there is
/// one.
static void run_list(const char* self, int first) {
    static char text[1 << 16];
    FILE* list = fopen("/bench/list", "r");
    size_t size = list ? fread(text, 1, sizeof text - 1, list) : 0;
    if (list) fclose(list);
    text[size] = 0;
    int number = 0;
    char* end;
    for (char* line = text; (end = strchr(line, '\n')); line = end + 1, ++number) {
        char* name = strchr(line, '\t');
        if (number < first || !name || name > end) continue;
        *end = *name++ = 0;
        if (strcmp(line, self) != 0) {
            char path[100], from[20];
            snprintf(path, sizeof path, "/bench/%s", line);
            snprintf(from, sizeof from, "%d", number);
            execl(path, line, from, NULL);
            printf("@fail %s\t%s: %s\n", name, path, strerror(errno));
            continue;
        }
        found = false;
        each_row(run_if_wanted, name);
        if (!found) printf("@fail %s\tno such row\n", name);
    }
    printf("@done\n");
    fflush(stdout);
}

int main(int count, char** arguments) {
    if (count > 1 && strcmp(arguments[1], "--names") == 0) {
        each_row(print_name, NULL);
        return 0;
    }
    MEASURE(1000) __asm__ volatile("");
    overhead = median();
    const char* self = strrchr(arguments[0], '/');
    run_list(self ? self + 1 : arguments[0], count > 1 ? atoi(arguments[1]) : 0);
    return 0;
}
