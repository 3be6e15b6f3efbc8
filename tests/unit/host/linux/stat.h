// Linux's own header leaves the S_* names to the C library when there is glibc; the tests include no sys/stat.h.
#pragma once
#pragma push_macro("__GLIBC__")
#undef __GLIBC__
#include_next <linux/stat.h>
#pragma pop_macro("__GLIBC__")
