// An open terminal.
#include "kernel/device/tty/terminal_impl.h"
#include "kernel/process/task.h"
#include "kernel/vfs/anonymous.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/operations.h"
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/major.h>
#include <linux/stat.h>

namespace tty {
namespace {
constexpr char terminal_kind = 0;

class TerminalFile final : public File {
public:
    TerminalFile(Ref<Terminal> terminal, u32 file_flags, bool survives)
        : hangups_{terminal->impl().hangups}, survives_{survives}, terminal_{std::move(terminal)} {
        flags = file_flags;
        auto& t = terminal_->impl();
        bool first;
        {
            Holding held{t.lock};
            first = t.open_files++ == 0;
        }
        if (first) t.output_to.opened();
    }
    ~TerminalFile() override {
        auto& t = terminal_->impl();
        bool last;
        {
            Holding held{t.lock};
            last = --t.open_files == 0;
            if (last) t.exclusive = false;
        }
        if (last) t.output_to.closed();
    }
    const void* kind() const override { return &terminal_kind; }
    Ref<Terminal> terminal() const { return terminal_; }

    Result<usize> read(Sink& to, u64*) override {
        if (hung_up()) return 0;
        return terminal_->read(to, nonblocking());
    }
    Result<usize> write(Source& from, u64*) override {
        if (hung_up()) return err::io;
        return terminal_->write(from);
    }
    u32 poll() override {
        if (hung_up()) return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
        return terminal_->poll();
    }
    WaitQueue& changed() override { return terminal_->changed(); }
    bool can_notify_owner() const override { return true; }
    Result<i64> ioctl(unsigned request, uptr argument) override {
        if (hung_up()) return request == TIOCSPGRP ? err::notty : err::io;
        return terminal_->ioctl(request, argument, Task::current());
    }

    vfs::Inode* inode() override { return place.dentry ? &place.inode() : own_inode.get(); }
    const vfs::Path* path() override { return place.dentry ? &place : nullptr; }
    void print_name(Writer& out) override {
        if (path()) return File::print_name(out);
        print(out, "/dev/{}", terminal_->name());
    }

    vfs::Path place;
    Ref<vfs::Inode> own_inode;

private:
    bool hung_up() const {
        return terminal_->impl().gone ||
               (!survives_ && terminal_->impl().hangups.load(std::memory_order_acquire) != hangups_);
    }
    const u32 hangups_;
    const bool survives_; // opened as /dev/console: a hang-up passes it by
    Ref<Terminal> terminal_;
};
} // namespace

Result<Ref<File>> open(Ref<Terminal> terminal, u32 flags, const vfs::Path* place) {
    auto& t = terminal->impl();
    {
        Holding held{t.lock};
        if (t.gone) return err::io;
        bool may_share = !t.exclusive || !place || Task::current().credentials().can_everywhere(CAP_SYS_ADMIN);
        if (!may_share) return err::busy;
    }
    bool as_console = !place || place->inode().attributes().device == device::number(TTYAUX_MAJOR, 1);
    auto file = TRY(make_ref<TerminalFile>(terminal, flags, as_console));
    if (place) {
        file->place = *place;
    } else {
        file->own_inode = TRY(vfs::make_anonymous_device(0620, device::number(TTYAUX_MAJOR, 1)));
    }
    // /dev/console never becomes a controlling terminal by being opened.
    if (!as_console && !(flags & O_NOCTTY)) terminal->offer_to(Task::current());
    return file;
}

Ref<Terminal> terminal_of(File& file) {
    if (file.kind() != &terminal_kind) return nullptr;
    return static_cast<TerminalFile&>(file).terminal();
}
} // namespace tty
