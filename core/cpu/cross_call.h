// Running a function on other CPUs, now.
#pragma once
#include "lib/types.h"

/// Calls function(argument) once on each CPU in `cpus` (one bit each; CPUs that do not run are ignored) with interrupts
/// off, and returns when all have. The own CPU may be among them. Allowed under spinlocks: a CPU that spins for one
/// still answers. The function must be short and take no lock that a caller of call_on() may hold.
void call_on(u64 cpus, void (*function)(void*), void* argument);

/// Runs what other CPUs ask of this one. For loops that spin with interrupts off; they are off.
void serve_calls();
