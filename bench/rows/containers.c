// Containers from an OCI bundle: by ctr on Rundlet, by crun (the OCI runtime in C) on Linux. These rows run in the host
// world.
#include "bench/rows/programs.h"

static char* number_text(int number) {
    static char text[20];
    snprintf(text, sizeof text, "c%d", number);
    return text;
}

static int is_rundlet(void) { return access("/bin/ctr", X_OK) == 0; }

/// A container whose program ends at once: create, start, wait, delete.
static void run_one(int number) {
    if (is_rundlet())
        RUN("/bin/ctr", "run", "-b", "/bundles/nothing", number_text(number));
    else
        RUN("/usr/bin/crun", "--cgroup-manager=disabled", "run", "--no-pivot", "-b", "/bundles/nothing",
            number_text(number));
}

/// A container whose program stays.
static void start_one(int number) {
    if (is_rundlet()) {
        RUN("/bin/ctr", "create", "-b", "/bundles/waiting", number_text(number));
        RUN("/bin/ctr", "start", number_text(number));
    } else
        RUN("/usr/bin/crun", "--cgroup-manager=disabled", "run", "-d", "--no-pivot", "-b", "/bundles/waiting",
            number_text(number));
}

ROW("container: create+start+wait+delete (ctr run; crun run)") {
    int number = 0;
    few_batches();
    MEASURE(3) run_one(++number);
}

static void stop_one(int number) {
    if (is_rundlet())
        RUN("/bin/ctr", "delete", "-f", number_text(number));
    else
        RUN("/usr/bin/crun", "--cgroup-manager=disabled", "delete", "-f", number_text(number));
}

GROWTH("growth: container create+start+wait+delete beside containers", 10000) {
    if (n > 100 && !is_rundlet()) leave_out("crun takes many minutes to start so many");
    int number = 0;
    for (int i = 0; i < n; ++i) start_one(1000 + i);
    few_batches();
    MEASURE(1) run_one(++number);
    for (int i = 0; i < n; ++i) stop_one(1000 + i);
}

ROW("use: a container whose program sleeps") {
    double before = memory_free();
    enum { MORE = 50 };
    for (int i = 0; i < MORE; ++i) start_one(5000 + i);
    report((before - memory_free()) / MORE);
    for (int i = 0; i < MORE; ++i) stop_one(5000 + i);
}
