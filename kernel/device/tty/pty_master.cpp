// The master's file, and how masters and slaves are opened.
#include "core/mm/user.h"
#include "kernel/device/tty/pty_impl.h"
#include "kernel/process/task.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/operations.h"
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

namespace tty {
namespace {
class Master final : public vfs::PlacedFile {
public:
    Master(Ref<PtySet> set, Ref<Terminal> terminal, const vfs::Path& place, const vfs::Path& root, u32 file_flags)
        : PlacedFile{place, file_flags},
          set_{std::move(set)},
          terminal_{std::move(terminal)},
          pty_{pty_of(*terminal_)},
          root_{root} {}
    ~Master() override {
        set_->remove(pty_.number);
        terminal_->hang_up();
    }

    Result<usize> read(Sink&, u64*) override;
    Result<usize> write(Source&, u64*) override;
    u32 poll() override {
        u32 ready = pty_.available() ? EPOLLIN | EPOLLRDNORM : 0;
        if (pty_.packets && pty_.status) ready |= EPOLLIN | EPOLLRDNORM | EPOLLPRI;
        if (pty_.slave_closed) ready |= EPOLLHUP;
        if (terminal_->takes_input()) ready |= EPOLLOUT | EPOLLWRNORM;
        return ready;
    }
    WaitQueue& changed() override { return pty_.changed; }
    Result<i64> ioctl(unsigned request, uptr argument) override;
    void print_info(Writer& out) override { print(out, "tty-index:\t{}\n", pty_.number); }

private:
    Result<usize> read_bytes(Sink&);
    Result<i64> open_peer(u32 flags);
    Result<i64> signal(uptr number);

    Ref<PtySet> set_;
    Ref<Terminal> terminal_;
    Pty& pty_;
    vfs::Path root_; // of the devpts
};

Result<i64> give(uptr argument, int value) {
    TRY(copy_out(UserPtr<int>{argument}, value));
    return 0;
}

Result<usize> Master::read_bytes(Sink& to) {
    usize sum = 0;
    char chunk[512];
    while (!to.done()) {
        usize n = pty_.peek(std::span{chunk}.first(to.remaining() < sizeof chunk ? to.remaining() : sizeof chunk));
        if (n == 0) break;
        auto put = to.put(std::as_bytes(std::span{chunk, n}));
        if (!put) return sum ? Result<usize>{sum} : put;
        pty_.drop(*put);
        sum += *put;
        if (*put < n) break;
    }
    return sum;
}

Result<usize> Master::read(Sink& to, u64*) {
    if (to.done()) return 0;
    usize n = 0, extra = 0;
    {
        Holding held{pty_.reading};
        if (pty_.packets) {
            u8 status = pty_.take_status();
            if (!status && !pty_.available()) return pty_.slave_closed ? Result<usize>{err::io} : err::again;
            auto told = to.put(std::as_bytes(std::span{&status, 1}));
            if (!told || status) return told;
            extra = 1; // TIOCPKT_DATA: bytes follow
        }
        auto moved = read_bytes(to);
        if (!moved && !extra) return moved;
        n = moved ? *moved : 0;
    }
    if (n)
        terminal_->output_ready();
    else if (!extra && pty_.available() == 0)
        return pty_.slave_closed ? Result<usize>{err::io} : err::again;
    return n + extra;
}

Result<usize> Master::write(Source& from, u64*) {
    usize sum = 0;
    char chunk[512];
    while (!from.done()) {
        auto n = from.peek(std::as_writable_bytes(std::span{chunk}));
        if (!n) return sum ? Result<usize>{sum} : n;
        usize taken = terminal_->input({chunk, *n});
        (void)from.skip(taken);
        sum += taken;
        if (taken < *n) break;
    }
    if (sum == 0 && !from.done()) return err::again;
    return sum;
}

/// TIOCGPTPEER: a descriptor for the slave, whatever the caller's own tree shows.
Result<i64> Master::open_peer(u32 flags) {
    constexpr u32 allowed = O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
    if (flags & ~allowed) return err::inval;
    char name[16];
    BufferWriter text{name};
    print(text, "{}", pty_.number);
    Task& task = Task::current();
    auto place = TRY(vfs::resolve({root_, root_, task.credentials_ref()}, text.text(), 0));
    auto file = TRY(open(terminal_, flags & ~u32{O_CLOEXEC}, &place));
    return TRY(task.install(std::move(file), flags & O_CLOEXEC));
}

Result<i64> Master::signal(uptr number) {
    if (number != SIGINT && number != SIGQUIT && number != SIGTSTP) return err::inval;
    signal_foreground(terminal_->impl(), static_cast<int>(number));
    return 0;
}

Result<i64> Master::ioctl(unsigned request, uptr argument) {
    switch (request) {
    case TIOCGPTN: return give(argument, static_cast<int>(pty_.number));
    case TIOCSPTLCK: pty_.locked = TRY(copy_in(UserPtr<const int>{argument})) != 0; return 0;
    case TIOCGPTLCK: return give(argument, pty_.locked);
    case TIOCPKT: {
        bool on = TRY(copy_in(UserPtr<const int>{argument})) != 0;
        if (on && !pty_.packets) pty_.status = 0;
        pty_.packets = on;
        return 0;
    }
    case TIOCGPKT: return give(argument, pty_.packets);
    case TIOCGPTPEER: return open_peer(static_cast<u32>(argument));
    case TIOCSIG: return signal(argument);
    case FIONREAD: return give(argument, static_cast<int>(pty_.available()));
    case TIOCOUTQ: return give(argument, 0);
    default: return terminal_->ioctl(request, argument, Task::current(), true);
    }
}

PtySuperblock* devpts_of(const vfs::Path& place) {
    auto& superblock = place.inode().superblock();
    return superblock.type_name() == PtySuperblock::name ? static_cast<PtySuperblock*>(&superblock) : nullptr;
}
} // namespace

Result<Ref<File>> make_master(Ref<PtySet> set, Ref<Terminal> terminal, const vfs::Path& place, const vfs::Path& root,
                              u32 flags) {
    return TRY(make_ref<Master>(std::move(set), std::move(terminal), place, root, flags));
}

Result<Ref<File>> open_multiplexer(const vfs::Path& place, u32 flags) {
    vfs::Path directory{place.mount, place.dentry->parent()};
    if (auto* devpts = devpts_of(place)) return devpts->ptys->open_master(place, directory, flags);
    Task& task = Task::current();
    auto walker = task.walker();
    walker.start = directory;
    auto root = vfs::resolve(walker, "pts", vfs::walk_directory);
    if (!root) return err::nodev;
    auto* devpts = devpts_of(*root);
    if (!devpts) return err::nodev;
    return devpts->ptys->open_master(place, *root, flags);
}

Result<Ref<File>> open_slave(const vfs::Path& place, u32 number, u32 flags) {
    auto* devpts = devpts_of(place);
    if (!devpts) return err::nxio;
    auto terminal = devpts->ptys->find(number);
    if (!terminal || pty_of(**terminal).locked) return err::io;
    return open(std::move(*terminal), flags, &place);
}
} // namespace tty
