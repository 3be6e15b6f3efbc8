// Transfers from and to pipes without copying.
#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/ipc/pipe_state.h"
#include <algorithm>

namespace pipes {
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
    made.more_ = state->ring.bytes() > piece.length;
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

Result<usize> fill(File& f, File& from, usize n, bool nonblocking, Deadline patience) {
    Pipe& pipe = pipe_behind(f);
    FrameRef frame = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing));
    n = std::min(n, page_size);
    while (true) {
        TRY(wait_for_room(f, nonblocking));
        bool had_room = false;
        usize got = TRY(block_on(from, file::to_read, patience, [&]() -> Result<usize> {
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
