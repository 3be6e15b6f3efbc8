#include "kernel/ipc/pipe.h"
#include "core/mm/user.h"
#include "kernel/credentials/credentials.h"
#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/ipc/pipe_ring.h"
#include "kernel/vfs/anonymous.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/operations.h"
#include <algorithm>
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
        bool claimed = false, claim_awaited = false;
        /// A reader must come back when the claim is gone.
        bool must_wait() { return claimed && (claim_awaited = true); }
    };
    /// The state, locked for as long as this exists.
    class [[nodiscard]] Access {
    public:
        explicit Access(Pipe& of) : of_{of} { of_.lock_.lock(); }
        ~Access() { of_.lock_.unlock(); }
        Access(const Access&) = delete;
        State* operator->() const { return &of_.state_; }

    private:
        Pipe& of_;
    };
    Access lock() { return Access{*this}; }
    /// The states of two pipes, both locked.
    class [[nodiscard]] BothAccess {
    public:
        BothAccess(Pipe& a, Pipe& b) : a{a.state_}, b{b.state_}, low_{&a < &b ? a : b}, high_{&a < &b ? b : a} {
            low_.lock_.lock();
            high_.lock_.lock_second();
        }
        ~BothAccess() {
            high_.lock_.unlock_second();
            low_.lock_.unlock();
        }
        BothAccess(const BothAccess&) = delete;
        State &a, &b;

    private:
        Pipe &low_, &high_;
    };
    Result<> resize(usize pages) { return lock()->ring.resize(pages); }

    /// Where waits who has the pipe open for reading, for writing, for both: each hears of its own end only, so that an
    /// edge-triggered reader is not told that somebody has read.
    WaitQueue& queue_for(bool reads, bool writes) {
        if (!reads) return for_room_;
        if (!writes) return for_bytes_;
        has_both_.store(true, std::memory_order_relaxed);
        return for_both_;
    }
    // What the ends are told, after the state has changed.
    void notify_readers(u32 events = EPOLLIN | EPOLLRDNORM) { tell(for_bytes_, events); }
    void notify_writers(u32 events = EPOLLOUT | EPOLLWRNORM) { tell(for_room_, events); }
    void notify_openers() {
        for_bytes_.notify_all();
        if (has_both_.load(std::memory_order_relaxed)) for_both_.notify_all();
    }
    void notify_hang_up() {
        notify_openers();
        for_room_.notify_all();
    }
    /// For the opener of a FIFO: notify_openers().
    WaitQueue& openers() { return for_bytes_; }
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

private:
    void tell(WaitQueue& end, u32 events) {
        end.notify_one(events);
        if (has_both_.load(std::memory_order_relaxed)) for_both_.notify_one(events);
    }
    Mutex<Rank::pipe> lock_;
    State state_;
    WaitQueue for_bytes_, for_room_, for_both_;
    std::atomic<bool> has_both_ = false; // somebody may wait on for_both_
};

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
        bool privileged = file::credentials()->can(CAP_SYS_RESOURCE);
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

namespace {
Pipe& pipe_behind(File& f) { return static_cast<PipeFile&>(f).pipe(); }
} // namespace

Result<usize> wait_for_room(File& f, bool nonblocking) {
    auto room = block_on(f, file::to_write, file::patience(nonblocking), [&]() -> Result<usize> {
        auto state = pipe_behind(f).lock();
        if (state->readers == 0) return err::pipe;
        if (state->ring.full()) return err::again;
        return state->ring.room();
    });
    if (!room && room.error() == Errno::pipe) file::broken_pipe();
    return room;
}

usize push(File& f, std::span<PipeBuffer> pieces) {
    Pipe& pipe = pipe_behind(f);
    usize bytes = 0;
    {
        auto state = pipe.lock();
        for (PipeBuffer& piece : pieces.first(std::min(pieces.size(), state->ring.room()))) {
            bytes += piece.length;
            state->ring.push(std::move(piece));
        }
    }
    if (bytes) pipe.notify_readers(WaitQueue::any_event);
    return bytes;
}

Result<bool> wait_for_bytes(File& f, bool nonblocking) {
    return block_on(f, file::to_read, file::patience(nonblocking), [&]() -> Result<bool> {
        auto state = pipe_behind(f).lock();
        if (state->must_wait() || (state->ring.empty() && state->writers)) return err::again;
        return !state->ring.empty();
    });
}

Claim claim(File& f, usize most) {
    Claim made;
    auto state = pipe_behind(f).lock();
    if (state->claimed || state->ring.empty()) return made;
    state->claimed = true;
    PipeBuffer piece = state->ring.first(most);
    made.pipe_ = &f;
    made.bytes_ = piece.bytes();
    made.frame_ = std::move(piece.frame);
    return made;
}

Claim::~Claim() {
    if (!pipe_) return;
    Pipe& pipe = pipe_behind(*pipe_);
    bool made_room, awaited;
    frame_ = {}; // the ring may use the page again
    {
        auto state = pipe.lock();
        state->claimed = false;
        awaited = std::exchange(state->claim_awaited, false) && !state->ring.empty();
        usize room = state->ring.room();
        if (taken_) state->ring.drop(taken_);
        made_room = state->ring.room() > room;
    }
    if (made_room) pipe.notify_writers(WaitQueue::any_event);
    if (awaited) pipe.notify_readers(WaitQueue::any_event);
}

Result<usize> fill(File& f, File& from, usize n, bool nonblocking) {
    Pipe& pipe = pipe_behind(f);
    FrameRef frame = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing));
    n = std::min(n, page_size);
    while (true) {
        TRY(wait_for_room(f, nonblocking));
        bool had_room = false;
        usize got = TRY(block_on(from, file::to_read, file::patience(from.nonblocking()), [&]() -> Result<usize> {
            auto state = pipe.lock();
            had_room = !state->ring.full() && state->readers;
            if (!had_room) return usize{0}; // wait_for_room() says why
            Sink sink{frame->bytes().first(n)};
            u64 nowhere = 0;
            usize read = TRY(from.read(sink, &nowhere));
            if (read) state->ring.push({frame, 0, static_cast<u16>(read)});
            return read;
        }));
        if (got) pipe.notify_readers(WaitQueue::any_event);
        if (got || had_room) return got;
    }
}

Result<usize> take(File& f, Sink& to, bool nonblocking) {
    Pipe& pipe = pipe_behind(f);
    bool made_room = false;
    usize n = TRY(block_on(f, file::to_read, file::patience(nonblocking), [&]() -> Result<usize> {
        auto state = pipe.lock();
        if (state->must_wait()) return err::again;
        usize room = state->ring.room();
        usize moved = TRY(state->ring.read(to, Ring::Packets::joined));
        if (moved == 0 && state->writers && !to.done()) return err::again;
        made_room = state->ring.room() > room;
        return moved;
    }));
    if (made_room) pipe.notify_writers(WaitQueue::any_event);
    return n;
}

Result<usize> pass(File& from, File& to, usize n, Pass how, bool nonblocking) {
    Pipe &in = pipe_behind(from), &out = pipe_behind(to);
    if (&in == &out) return err::inval;
    while (true) {
        if (!TRY(wait_for_bytes(from, nonblocking))) return 0;
        TRY(wait_for_room(to, nonblocking));
        usize moved;
        bool made_room;
        {
            Pipe::BothAccess both{in, out};
            usize room = both.a.ring.room();
            if (both.a.claimed) continue;
            moved = how == Pass::move ? both.a.ring.move_to(both.b.ring, n) : both.a.ring.share_with(both.b.ring, n);
            made_room = both.a.ring.room() > room;
        }
        if (moved == 0) continue; // others came first
        if (made_room) in.notify_writers(WaitQueue::any_event);
        out.notify_readers(WaitQueue::any_event);
        return moved;
    }
}
} // namespace pipes
