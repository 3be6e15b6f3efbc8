#include "kernel/file/current.h"
#include "kernel/credentials/caller.h"
#include <linux/signal.h>

namespace file {
namespace {
void signal_caller(int number) {
    if (Caller* who = Caller::current()) who->signal(number);
}
} // namespace

u64 size_limit() {
    Caller* who = Caller::current();
    return who ? who->limits().soft(RLIMIT_FSIZE) : ~u64{0};
}
Result<> check_size(u64 size) {
    if (size <= size_limit()) return {};
    signal_caller(SIGXFSZ);
    return err::fbig;
}
void broken_pipe() { signal_caller(SIGPIPE); }

bool interrupted() { return Thread::current().interrupted(); }
bool killed() { return Thread::current().killed(); }
const Credentials* credentials() {
    Caller* who = Caller::current();
    return who ? &who->credentials() : nullptr;
}
} // namespace file
