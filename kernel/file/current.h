// What file operations need to know of the caller they run for (kernel/credentials/caller.h). Kernel threads that have
// none have no limits and get no signals.
#pragma once
#include "lib/result.h"
#include "lib/types.h"

struct Credentials;

namespace file {
/// RLIMIT_FSIZE; ~0: none.
u64 size_limit();
/// Whether a file may have that size. err::fbig, with SIGXFSZ.
Result<> check_size(u64 size);
/// A write found no reader: SIGPIPE.
void broken_pipe();
/// A signal is pending: long work ends early.
bool interrupted();
/// It is one that ends the process: work that nothing else interrupts ends, too.
bool killed();
/// Null: nothing is refused.
const Credentials* credentials();
} // namespace file
