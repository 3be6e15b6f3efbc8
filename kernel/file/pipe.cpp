#include "kernel/file/pipe.h"
#include "core/mm/user.h"
#include "kernel/file/block_on.h"
#include "kernel/file/pipe_ring.h"
#include "kernel/process/task.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/operations.h"
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

namespace pipes {
/// What both ends share.
class Pipe : public RefCounted<Pipe> {
public:
    struct State {
        Ring ring;
        unsigned readers = 0, writers = 0;
        u64 reader_opens = 0, writer_opens = 0; // a FIFO's opener waits for one more of the other kind
    };
    Guarded<State, Mutex<Rank::pipe>> state;
    WaitQueue changed;
    Ref<vfs::Inode> inode;

    static void last_ref_gone(Pipe* p) {
        // A FIFO's inode may be handing the pipe to an opener: it fails to take a reference, and makes a new pipe.
        if (p->on_fifo) {
            auto& there = *p->inode->attachments();
            Holding held{there.lock};
            if (there.fifo == p) there.fifo = nullptr;
        }
        delete p;
    }
    bool on_fifo = false;
    bool anonymous = false; // of pipe(2): opened again through /proc, it waits for nobody
};

namespace {
class PipeFile final : public File {
public:
    PipeFile(Ref<Pipe> pipe, u32 file_flags) : pipe_{std::move(pipe)} {
        flags = file_flags;
        reads_ = readable();
        writes_ = writable();
        auto state = pipe_->state.lock();
        if (reads_) state->readers++, state->reader_opens++;
        if (writes_) state->writers++, state->writer_opens++;
    }
    ~PipeFile() override {
        {
            auto state = pipe_->state.lock();
            if (reads_) state->readers--;
            if (writes_) state->writers--;
        }
        pipe_->changed.notify_all();
    }

    Result<usize> read(Sink& to, u64*) override {
        usize n;
        {
            auto state = pipe_->state.lock();
            n = TRY(state->ring.read(to));
            if (n == 0 && state->writers && !to.done()) return err::again;
        }
        if (n) pipe_->changed.notify_all();
        return n;
    }
    Result<usize> write(Source& from, u64*) override {
        usize n;
        {
            auto state = pipe_->state.lock();
            if (state->readers == 0) return err::pipe;
            n = TRY(state->ring.write(from, flags.load(std::memory_order_relaxed) & O_DIRECT));
        }
        if (n) pipe_->changed.notify_all();
        return n;
    }
    u32 poll() override {
        auto state = pipe_->state.lock();
        u32 ready = 0;
        if (reads_) {
            if (!state->ring.empty()) ready |= EPOLLIN | EPOLLRDNORM;
            if (state->writers == 0 && state->writer_opens != no_writer_since) ready |= EPOLLHUP;
        }
        if (writes_) {
            if (!state->ring.full()) ready |= EPOLLOUT | EPOLLWRNORM;
            if (state->readers == 0) ready |= EPOLLERR;
        }
        return ready;
    }
    WaitQueue& changed() override { return pipe_->changed; }

    Result<i64> ioctl(unsigned request, uptr argument) override {
        if (request != FIONREAD) return err::notty;
        auto bytes = static_cast<int>(pipe_->state.lock()->ring.bytes());
        TRY(copy_out(UserPtr<int>{argument}, bytes));
        return 0;
    }
    Result<i64> control(int command, u64 argument) override {
        if (command == F_GETPIPE_SZ) return static_cast<i64>(pipe_->state.lock()->ring.capacity());
        if (command != F_SETPIPE_SZ) return File::control(command, argument);
        u64 size = argument & 0xffff'ffff;
        if (size > u64{1} << 31) return err::inval;
        size = std::bit_ceil(size < page_size ? page_size : size);
        auto state = pipe_->state.lock();
        if (size > max_capacity && size > state->ring.capacity() &&
            !Task::current().credentials().can(CAP_SYS_RESOURCE))
            return err::perm;
        TRY(state->ring.resize(size / page_size));
        return static_cast<i64>(size);
    }

    vfs::Inode* inode() override { return pipe_->inode.get(); }
    const vfs::Path* path() override { return place.mount ? &place : nullptr; }
    void print_name(Writer& out) override {
        if (path()) return File::print_name(out);
        print(out, "pipe:[{}]", pipe_->inode->number());
    }

    vfs::Path place; // of a FIFO
    /// A FIFO opened for reading without waiting: no hang-up is reported before the first writer came.
    u64 no_writer_since = ~u64{0};

private:
    Ref<Pipe> pipe_;
    bool reads_ = false, writes_ = false;
};

Result<Ref<Pipe>> make_pipe() {
    auto pipe = TRY(make_ref<Pipe>());
    TRY(pipe->state.unguarded().ring.resize(default_capacity / page_size));
    return pipe;
}

/// Lets openers of the inode find the pipe.
Result<> attach(Pipe& pipe, Ref<vfs::Inode> inode) {
    auto* there = inode->attachments();
    if (!there) return err::nomem;
    pipe.inode = std::move(inode);
    Holding held{there->lock};
    pipe.on_fifo = true;
    there->fifo = &pipe;
    return {};
}

/// The pipe of a FIFO's inode, made by whoever comes first.
Result<Ref<Pipe>> pipe_of(vfs::Inode& inode) {
    auto* there = inode.attachments();
    if (!there) return err::nomem;
    Ref<Pipe> fresh;
    while (true) {
        {
            Holding held{there->lock};
            if (there->fifo && there->fifo->try_retain()) return Ref<Pipe>::adopt(there->fifo);
            if (fresh) {
                fresh->on_fifo = true;
                there->fifo = fresh.get();
                return fresh;
            }
        }
        fresh = TRY(make_pipe());
        fresh->inode = Ref<vfs::Inode>::share(&inode);
    }
}
} // namespace

Result<Ends> create(u32 flags) {
    auto pipe = TRY(make_pipe());
    // /proc/pid/fd/N leads to the inode, where open(2) finds the pipe again.
    pipe->anonymous = true;
    TRY(attach(*pipe, TRY(vfs::make_anonymous_inode(S_IFIFO | 0600, Task::current().credentials()))));
    u32 kept = flags & (O_NONBLOCK | O_DIRECT);
    auto read = TRY(make_ref<PipeFile>(pipe, O_RDONLY | kept));
    auto write = TRY(make_ref<PipeFile>(pipe, O_WRONLY | kept));
    return Ends{std::move(read), std::move(write)};
}

Result<Ref<File>> open_fifo(const vfs::Path& place, u32 flags) {
    auto pipe = TRY(pipe_of(place.inode()));
    auto file = TRY(make_ref<PipeFile>(pipe, flags));
    file->place = place;
    unsigned mode = flags & O_ACCMODE;
    if (mode == O_RDWR || pipe->anonymous) return file;
    u64 before, readers, writers;
    {
        auto state = pipe->state.lock();
        readers = state->readers;
        writers = state->writers;
        before = mode == O_RDONLY ? state->writer_opens : state->reader_opens;
    }
    pipe->changed.notify_all(); // somebody may wait for us
    bool alone = mode == O_RDONLY ? writers == 0 : readers == 0;
    if (!alone) return file;
    if (flags & O_NONBLOCK) {
        if (mode == O_WRONLY) return err::nxio;
        file->no_writer_since = before;
        return file;
    }
    TRY(wait_until(pipe->changed, [&] {
        auto state = pipe->state.lock();
        return (mode == O_RDONLY ? state->writer_opens : state->reader_opens) != before;
    }));
    return file;
}
} // namespace pipes
