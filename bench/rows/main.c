// The runner: each row named in /bench/list (all without that file) in a child of its own, one line of output for each:
//
//     @begin NAME            before it runs: says which row took the machine down
//     @row NAME \t median \t least \t most \t operations a batch
//     @fail NAME \t why      @notyet NAME \t why
//
// With arguments they name the rows instead.
#include <signal.h>
#include <stdbool.h>

#include "bench/rows/rows.h"

extern const struct Row __start_rows[], __stop_rows[];

int in_row;
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

void reap(pid_t child) {
    int status = -1;
    check(waitpid(child, &status, 0));
    if (status) {
        char text[80];
        snprintf(text, sizeof text, "a child's status 0 (it is %#x)", (unsigned)status);
        wrong(text);
    }
}

static int compare(const void* a, const void* b) {
    double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

static double median(void) {
    qsort(costs, BATCHES, sizeof costs[0], compare);
    return costs[BATCHES / 2];
}

static void run(const struct Row* row) {
    current = row->name;
    batches = 0;
    in_row = 1;
    row->run();
    if (batches != BATCHES) wrong("the row measured once");
    double middle = median();
    printf("@row %s\t%.2f\t%.2f\t%.2f\t%.0f\n", row->name, (middle - overhead) / units, (costs[0] - overhead) / units,
           (costs[BATCHES - 1] - overhead) / units, per_batch * units);
    fflush(stdout);
}

static void run_in_child(const struct Row* row) {
    printf("@begin %s\n", row->name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        run(row);
        exit(0);
    }
    int status = 0;
    if (child < 0) {
        printf("@fail %s\tfork: %s\n", row->name, strerror(errno));
        return;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    kill(-child, SIGKILL); // what a failed row left behind
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    if (WIFSIGNALED(status))
        printf("@fail %s\tended by signal %d\n", row->name, WTERMSIG(status));
    else if (status && WEXITSTATUS(status) != 2)
        printf("@fail %s\texit status %d\n", row->name, WEXITSTATUS(status));
    fflush(stdout);
}

static void run_named(const char* name) {
    for (const struct Row* row = __start_rows; row != __stop_rows; ++row)
        if (strcmp(row->name, name) == 0) return run_in_child(row);
    printf("@fail %s\tno such row\n", name);
}

static bool run_list(void) {
    FILE* list = fopen("/bench/list", "r");
    if (!list) return false;
    static char names[1 << 16];
    size_t size = fread(names, 1, sizeof names - 1, list);
    fclose(list);
    names[size] = 0;
    for (char* name = strtok(names, "\n"); name; name = strtok(NULL, "\n")) run_named(name);
    return true;
}

int main(int count, char** arguments) {
    printf("@first %llu\n", (unsigned long long)now());
    if (count > 1 && strcmp(arguments[1], "--names") == 0) {
        for (const struct Row* row = __start_rows; row != __stop_rows; ++row) printf("%s\n", row->name);
        return 0;
    }
    MEASURE(1000) __asm__ volatile("");
    overhead = median();
    if (count > 1)
        for (int i = 1; i < count; ++i) run_named(arguments[i]);
    else if (!run_list())
        for (const struct Row* row = __start_rows; row != __stop_rows; ++row) run_in_child(row);
    printf("@done\n");
    fflush(stdout);
    return 0;
}
