#pragma once
#include <stddef.h>
typedef long time_t; typedef long clock_t; struct tm;
#ifndef _STRUCT_TIMESPEC /* the guard of <linux/time.h>, which defines the same */
#define _STRUCT_TIMESPEC
struct timespec { time_t tv_sec; long tv_nsec; };
#endif
#define TIME_UTC 1
#ifdef __cplusplus
extern "C" {
#endif
clock_t clock(void); double difftime(time_t,time_t); time_t mktime(struct tm*); time_t time(time_t*);
char* asctime(const struct tm*); char* ctime(const time_t*); struct tm* gmtime(const time_t*);
struct tm* localtime(const time_t*); size_t strftime(char*, size_t, const char*, const struct tm*);
int timespec_get(struct timespec*, int);
#ifdef __cplusplus
}
#endif
