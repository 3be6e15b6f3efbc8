// Linux's own header leaves the S_* names to the C library when there is glibc.
#pragma once
#include <sys/stat.h>
#include_next <linux/stat.h>
