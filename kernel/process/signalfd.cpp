#include "kernel/process/signalfd.h"
#include "kernel/process/task.h"
#include "kernel/vfs/anonymous.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>

namespace process {
namespace {
constexpr char signals_kind = 0;

signalfd_siginfo describe(const siginfo_t& info) {
    signalfd_siginfo out{};
    out.ssi_signo = static_cast<u32>(info.si_signo);
    out.ssi_errno = info.si_errno;
    out.ssi_code = info.si_code;
    out.ssi_pid = static_cast<u32>(info.si_pid);
    out.ssi_uid = info.si_uid;
    bool faulted = info.si_code > 0 && info.si_code < SI_KERNEL;
    switch (info.si_signo) {
    case SIGCHLD:
        out.ssi_status = info.si_status;
        out.ssi_utime = static_cast<u64>(info.si_utime);
        out.ssi_stime = static_cast<u64>(info.si_stime);
        break;
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
        if (faulted) {
            out.ssi_pid = out.ssi_uid = 0;
            out.ssi_addr = reinterpret_cast<u64>(info.si_addr);
            break;
        }
        [[fallthrough]];
    default:
        if (info.si_code == SI_TIMER) {
            out.ssi_pid = out.ssi_uid = 0;
            out.ssi_tid = static_cast<u32>(info.si_tid);
            out.ssi_overrun = static_cast<u32>(info.si_overrun);
        }
        if (info.si_code < 0) {
            out.ssi_ptr = reinterpret_cast<u64>(info.si_ptr);
            out.ssi_int = info.si_int;
        }
    }
    return out;
}

class SignalFile final : public vfs::AnonymousFile {
public:
    SignalFile(Ref<vfs::Inode> inode, SignalSet wanted, u32 file_flags)
        : AnonymousFile{"signalfd", std::move(inode), file_flags},
          maker_{Ref<Process>::share(&Task::current().process())} {
        set(wanted);
    }
    const void* kind() const override { return &signals_kind; }
    void set(SignalSet wanted) { wanted_ = wanted & ~unblockable; }

    Result<usize> read(Sink& to, u64*) override {
        if (to.remaining() < sizeof(signalfd_siginfo)) return err::inval;
        usize sum = 0;
        siginfo_t info;
        while (to.remaining() >= sizeof(signalfd_siginfo) && take(info)) {
            auto out = describe(info);
            auto n = to.put(std::as_bytes(std::span{&out, 1}));
            if (!n) return sum ? Result<usize>{sum} : n;
            sum += *n;
        }
        if (sum == 0) return err::again;
        return sum;
    }
    u32 poll() override {
        Task& task = Task::current();
        auto held = task.process().lock_signals();
        return signals::pending(task, held) & wanted_ ? EPOLLIN | EPOLLRDNORM : 0;
    }
    /// Signals are the reader's own; an epoll goes on with those of the process that made the file.
    WaitQueue& changed() override { return Task::current().process().signal_arrived; }
    WaitQueue& lasting_changed() override { return maker_->signal_arrived; }
    void print_info(Writer& out) override { print(out, "sigmask: {:016x}\n", wanted_.load()); }

private:
    bool take(siginfo_t& info) {
        Task& task = Task::current();
        Box<QueuedSignal> freed; // goes without the lock
        auto held = task.process().lock_signals();
        bool taken = signals::take(task, ~wanted_.load(), info, freed, held);
        signals::recalculate(task, held);
        return taken;
    }
    Ref<Process> maker_;
    std::atomic<SignalSet> wanted_;
};
} // namespace

Result<Ref<File>> create_signalfd(SignalSet wanted, u32 flags) {
    return TRY(make_ref<SignalFile>(TRY(vfs::make_anonymous_inode()), wanted, flags));
}

Result<> set_signalfd(File& file, SignalSet wanted) {
    if (file.kind() != &signals_kind) return err::inval;
    static_cast<SignalFile&>(file).set(wanted);
    file.changed().notify_all();
    return {};
}
} // namespace process
