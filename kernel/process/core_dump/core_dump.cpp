#include "kernel/process/core_dump/core_dump.h"
#include "kernel/process/core_dump/image.h"
#include "kernel/process/signals/state.h"
#include "kernel/vfs/operations.h"
#include <linux/stat.h>

namespace core_dump {
namespace {
/// Those whose default action dumps core: signal(7).
constexpr SignalSet dumps = signal_bit(SIGQUIT) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | signal_bit(SIGABRT) |
                            signal_bit(SIGBUS) | signal_bit(SIGFPE) | signal_bit(SIGSEGV) | signal_bit(SIGXCPU) |
                            signal_bit(SIGXFSZ) | signal_bit(SIGSYS);

/// From here on no other thread of the process runs its program, and none is gone before end(). False: the process
/// ends already.
bool begin(Task& task, int status) {
    Process& process = task.process();
    {
        auto lock = process.lock_signals();
        auto& shared = process.signals(lock);
        if (shared.ends(task)) return false;
        shared.ending = true;
        shared.group_status = status;
        shared.dump.by = &task;
        for_each_thread(process, lock, [&](Task& t) {
            if (&t == &task || t.is_exiting()) return;
            shared.dump.awaited++;
            signals::end_thread(t, lock);
        });
        shared.job.end();
    }
    auto gathered = [&] {
        auto lock = process.lock_signals();
        auto& dump = process.signals(lock).dump;
        return dump.awaited == 0 || dump.given_up;
    };
    (void)wait_until(process.threads_changed, gathered, never, false);
    return true;
}

void end(Task& task, int status) {
    Process& process = task.process();
    {
        auto lock = process.lock_signals();
        auto& shared = process.signals(lock);
        shared.dump.by = nullptr;
        shared.group_status = status;
    }
    process.threads_changed.notify_all();
}

/// The file to write to: a new one, which is the process's user's alone.
Result<Ref<File>> open_file(Task& task) {
    vfs::Walker walker = task.walker();
    (void)vfs::unlink(walker, "core");
    auto file = TRY(vfs::open(walker, "core", {.flags = O_CREAT | O_EXCL | O_WRONLY | O_LARGEFILE, .mode = 0600}));
    vfs::Attributes is = file->inode()->attributes();
    bool own = is.uid == task.credentials().fsuid && (is.mode & 0677) == 0600;
    if (!S_ISREG(is.mode) || is.links != 1 || !own) return err::perm;
    return file;
}

Result<> write_file(Task& task, const siginfo_t& info, u64 limit, SignalSet blocked) {
    Image image{task, info, blocked};
    TRY(image.gather());
    auto file = TRY(open_file(task));
    (void)image.write(*file, limit); // what there is of it is of use
    return {};
}
} // namespace

int write(Task& task, const siginfo_t& info) {
    int status = info.si_signo;
    u64 limit = task.process().limits.soft(RLIMIT_CORE);
    if (!(dumps & signal_bit(status)) || !task.process().dumpable || limit < page_size) return status;
    if (!begin(task, status)) return status;
    SignalSet blocked = task.blocked();
    signals::set_blocked(task, ~SignalSet{0}); // what is pending keeps nobody from waiting for the file
    if (write_file(task, info, limit, blocked)) status |= 0x80;
    end(task, status);
    return status;
}

void wait_for(Task& task) {
    Process& process = task.process();
    auto another_dumps = [&](const SignalLock& lock) {
        Task* by = process.signals(lock).dump.by;
        return by && by != &task;
    };
    {
        auto lock = process.lock_signals();
        if (!another_dumps(lock)) return;
    }
    arch::sync_user_state(task.user_state);
    {
        auto lock = process.lock_signals();
        leaves(task, lock);
    }
    auto done = [&] {
        auto lock = process.lock_signals();
        return !another_dumps(lock);
    };
    (void)wait_until(process.threads_changed, done, never, false);
}

void leaves(Task& task, const SignalLock& lock) {
    Process& process = task.process();
    auto& dump = process.signals(lock).dump;
    if (!dump.by || dump.by == &task || std::exchange(task.signals(lock).left_registers, true)) return;
    dump.awaited--;
    process.threads_changed.notify_all();
}
} // namespace core_dump
