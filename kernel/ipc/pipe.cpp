#include "core/mm/user.h"
#include "kernel/credentials/credentials.h"
#include "kernel/file/current.h"
#include "kernel/ipc/pipe_state.h"
#include "kernel/vfs/anonymous.h"
#include "kernel/vfs/operations.h"
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

namespace pipes {
namespace {
constexpr char pipe_kind = 0;

class PipeFile final : public File {
public:
    PipeFile(Ref<Pipe> pipe, u32 file_flags) : pipe_{std::move(pipe)} {
        flags = file_flags;
        reads_ = readable();
        writes_ = writable();
        auto state = pipe_->lock();
        is_first = (reads_ && state->readers == 0) || (writes_ && state->writers == 0);
        if (reads_) state->readers++, state->reader_opens++;
        if (writes_) state->writers++, state->writer_opens++;
        queue_ = &pipe_->queue_for(reads_, writes_);
    }
    ~PipeFile() override {
        bool hung_up;
        {
            auto state = pipe_->lock();
            if (reads_) state->readers--;
            if (writes_) state->writers--;
            hung_up = !state->readers != !state->writers;
        }
        if (hung_up) pipe_->notify_hang_up();
    }

    Result<usize> read(Sink& to, u64*) override {
        usize n;
        bool made_room;
        {
            auto state = pipe_->lock();
            if (state->must_wait()) [[unlikely]]
                return err::again;
            bool was_full = state->ring.full();
            n = TRY(state->ring.read(to));
            if (n == 0 && state->writers && !to.done()) return err::again;
            made_room = was_full && !state->ring.full();
        }
        if (made_room) pipe_->notify_writers();
        return n;
    }
    Result<usize> write(Source& from, u64*) override {
        u32 how = flags.load(std::memory_order_relaxed);
        Result<usize> n = err::pipe;
        {
            auto state = pipe_->lock();
            if (state->readers == 0) return from.done() ? Result<usize>{usize{0}} : n;
            n = state->ring.write(from, how & O_DIRECT);
        }
        // As Linux, which tells a reader again that a pipe is full when a write has found no room.
        bool tells = n ? *n != 0 : n.error() == Errno::again && how & O_NONBLOCK;
        if (tells) pipe_->notify_readers();
        return n;
    }
    u32 poll() override {
        auto state = pipe_->lock();
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
    WaitQueue& changed() override { return *queue_; }
    bool can_notify_owner() const override { return true; }
    const void* kind() const override { return &pipe_kind; }

    Result<i64> ioctl(unsigned request, uptr argument) override {
        if (request != FIONREAD) return err::notty;
        auto bytes = static_cast<int>(pipe_->lock()->ring.bytes());
        TRY(copy_out(UserPtr<int>{argument}, bytes));
        return 0;
    }
    Result<i64> control(int command, u64 argument) override {
        if (command == F_GETPIPE_SZ) return static_cast<i64>(pipe_->lock()->ring.capacity());
        if (command != F_SETPIPE_SZ) return File::control(command, argument);
        u64 size = argument & 0xffff'ffff;
        if (size > u64{1} << 31) return err::inval;
        size = std::bit_ceil(size < page_size ? page_size : size);
        bool privileged = file::credentials()->can_everywhere(CAP_SYS_RESOURCE);
        bool made_room;
        {
            auto state = pipe_->lock();
            if (size > max_capacity && size > state->ring.capacity() && !privileged) return err::perm;
            bool was_full = state->ring.full();
            TRY(state->ring.resize(size / page_size));
            made_room = was_full && !state->ring.full();
        }
        if (made_room) pipe_->notify_writers(WaitQueue::any_event);
        return static_cast<i64>(size);
    }

    vfs::Inode* inode() override { return pipe_->inode.get(); }
    const vfs::Path* path() override { return place.mount ? &place : nullptr; }
    void print_name(Writer& out) override {
        if (path()) return File::print_name(out);
        print(out, "pipe:[{}]", pipe_->inode->number());
    }

    vfs::Path place; // of a FIFO
    bool is_first;   // of the readers or writers there are now: somebody may wait for it
    /// A FIFO opened for reading without waiting: no hang-up is reported before the first writer came.
    u64 no_writer_since = ~u64{0};
    Pipe& pipe() const { return *pipe_; }

private:
    Ref<Pipe> pipe_;
    WaitQueue* queue_;
    bool reads_ = false, writes_ = false;
};

Result<Ref<Pipe>> make_pipe() {
    auto pipe = TRY(make_ref<Pipe>());
    TRY(pipe->resize(default_capacity / page_size));
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
    TRY(attach(*pipe, TRY(vfs::make_anonymous_inode(S_IFIFO | 0600))));
    u32 kept = flags & (O_NONBLOCK | O_DIRECT);
    auto read = TRY(make_ref<PipeFile>(pipe, O_RDONLY | kept));
    auto write = TRY(make_ref<PipeFile>(pipe, O_WRONLY | kept));
    read->notifies = write->notifies = true;
    return Ends{std::move(read), std::move(write)};
}

namespace {
class Fifos final : public vfs::FifoOpener {
    Result<Ref<File>> open(const vfs::Path& place, u32 flags) override {
        if ((flags & O_ACCMODE) == O_ACCMODE) return err::inval;
        auto pipe = TRY(pipe_of(place.inode()));
        auto file = TRY(make_ref<PipeFile>(pipe, flags));
        file->place = place;
        unsigned mode = flags & O_ACCMODE;
        if (file->is_first) pipe->notify_openers();
        if (mode == O_RDWR || pipe->anonymous) return file;
        u64 before, readers, writers;
        {
            auto state = pipe->lock();
            readers = state->readers;
            writers = state->writers;
            before = mode == O_RDONLY ? state->writer_opens : state->reader_opens;
        }
        bool alone = mode == O_RDONLY ? writers == 0 : readers == 0;
        if (!alone) return file;
        if (flags & O_NONBLOCK) {
            if (mode == O_WRONLY) return err::nxio;
            file->no_writer_since = before;
            return file;
        }
        TRY(wait_until(pipe->openers(), [&] {
            auto state = pipe->lock();
            return (mode == O_RDONLY ? state->writer_opens : state->reader_opens) != before;
        }));
        return file;
    }
};
constinit Fifos fifos;
} // namespace

void init() { vfs::set_fifo_opener(fifos); }

bool is_pipe(const File& f) { return f.kind() == &pipe_kind; }

Pipe& pipe_behind(File& f) { return static_cast<PipeFile&>(f).pipe(); }
} // namespace pipes
