/* Dynamic linking with glibc and with musl: stdio, the math library, dlopen's tables, locale-free formatting, getaddrinfo-less. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int by_name(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

int main(int argc, char** argv) {
    printf("hello from pid %s, %d arguments\n", getpid() > 0 ? "positive" : "wrong", argc - 1);
    qsort(argv + 1, (size_t)argc - 1, sizeof *argv, by_name);
    for (int i = 1; i < argc; i++) printf("%d: %s\n", i, argv[i]);
    printf("%.6f %.6f %g\n", sqrt(2.0), sin(1.0), pow(2.0, 0.5 * argc));
    time_t t = 1000000000;
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", gmtime(&t));
    puts(text);
    char* big = malloc(50u << 20);
    memset(big, 'x', 50u << 20);
    printf("%c%c\n", big[0], big[(50u << 20) - 1]);
    FILE* f = tmpfile();
    fprintf(f, "temporary %d\n", 42);
    rewind(f);
    printf("%s", fgets(text, sizeof text, f));
    errno = 0;
    printf("%d\n", access("/nonexistent", R_OK) == -1 && errno == ENOENT);
    return 7;
}
