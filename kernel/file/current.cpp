#include "kernel/file/current.h"
#include "kernel/process/task.h"

namespace file {
namespace {
bool is_task() { return Thread::current().is_user(); }
void signal_current(int number) {
    if (is_task()) (void)signals::send(Task::current(), signals::info_user(number));
}
} // namespace

u64 size_limit() { return is_task() ? Task::current().process().limits.soft(RLIMIT_FSIZE) : ~u64{0}; }
void size_limit_passed() { signal_current(SIGXFSZ); }
void broken_pipe() { signal_current(SIGPIPE); }

bool interrupted() { return Thread::current().interrupted(); }
bool killed() { return Thread::current().killed(); }
void print_name(Writer& out, File& f) {
    if (is_task() && f.path() && Task::current().fs)
        vfs::print_path(out, *f.path(), Task::current().fs->root());
    else
        f.print_name(out);
}
const Credentials* credentials() { return is_task() ? &Task::current().credentials() : nullptr; }
} // namespace file
