// Programs started by rows of applications.
#pragma once
#include "bench/rows/rows.h"

extern char** environ;

/// Starts a program with these words (the first is its path) and files as standard input and output.
static inline pid_t start(char* const* words, const char* input, const char* output) {
    pid_t child = check(vfork());
    if (child == 0) {
        int in = open(input, O_RDONLY), out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0) _exit(126);
        execve(words[0], words, environ);
        _exit(127);
    }
    return child;
}

/// Runs it to its end, which must be a success.
static inline void complete(char* const* words, const char* input) { reap(start(words, input, "/dev/null")); }
#define RUN(...) complete((char*[]){__VA_ARGS__, NULL}, "/dev/null")
#define RUN_WITH_INPUT(input, ...) complete((char*[]){__VA_ARGS__, NULL}, input)
