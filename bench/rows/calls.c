// The shortest calls.
#include <time.h>

#include "bench/rows/rows.h"

ROW("call: getppid (null call)") { MEASURE(1000) call3(SYS_getppid, 0, 0, 0); }

ROW("call: read 1 byte of /dev/zero") {
    char byte;
    int zero = check(open("/dev/zero", O_RDONLY));
    MEASURE(1000) require(call3(SYS_read, zero, (long)&byte, 1) == 1);
}

ROW("call: write 1 byte to /dev/null") {
    int null = check(open("/dev/null", O_WRONLY));
    MEASURE(1000) require(call3(SYS_write, null, (long)"", 1) == 1);
}

ROW("call: clock_gettime MONOTONIC") {
    struct timespec time;
    MEASURE(1000) check(clock_gettime(CLOCK_MONOTONIC, &time));
}

ROW("call: clock_gettime PROCESS_CPUTIME") {
    struct timespec time;
    MEASURE(1000) check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time));
}

ROW("call: unknown number") { MEASURE(1000) require(call3(9999, 0, 0, 0) == -ENOSYS); }
