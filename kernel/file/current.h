// What file operations need to know of the task they run for; kernel threads have no limits and get no signals.
#pragma once
#include "lib/result.h"
#include "lib/types.h"

struct Credentials;
class File;
class Writer;

namespace file {
/// RLIMIT_FSIZE of the current process; ~0: none.
u64 size_limit();
/// A write at or beyond it was refused: SIGXFSZ.
void size_limit_passed();
/// A write found no reader: SIGPIPE.
void broken_pipe();
/// A signal is pending: long work ends early.
bool interrupted();
/// It is one that ends the process: work that nothing else interrupts ends, too.
bool killed();
/// The name of an open file as /proc shows it to the current task: a path from its root.
void print_name(Writer&, File&);
/// Null in kernel threads.
const Credentials* credentials();
} // namespace file
