// Linux's own header and the C library's <stdlib.h> both have these structures.
#pragma once
#define timeval linux_timeval
#define itimerspec linux_itimerspec
#include_next <linux/time.h>
#undef timeval
#undef itimerspec
