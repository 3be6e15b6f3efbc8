// The buffer of a pipe: a ring of pieces of pages, as Linux counts them. Small writes share a page; a packet has one of
// its own; splice and tee put references to pages of files and of other pipes here. Not locked: the pipe's mutex does
// that.
#pragma once
#include "core/alloc/frame.h"
#include "kernel/file/cursor.h"
#include "lib/vector.h"

namespace pipes {
inline constexpr usize atomic_size = page_size; // PIPE_BUF

/// Bytes of a page that somebody else may own, change or have given up: the reference keeps it.
struct PipeBuffer {
    FrameRef frame;
    u16 offset = 0, length = 0;
    std::span<const std::byte> bytes() const { return frame->bytes().subspan(offset, length); }
};

class Ring {
public:
    /// `pages` is a power of two. err::nomem; err::busy: more are in use. Content stays.
    Result<> resize(usize pages);
    usize capacity() const { return slots_.size() * page_size; }
    bool empty() const { return used_ == 0; }
    /// Whether a write of PIPE_BUF bytes would have to wait.
    bool full() const { return used_ == slots_.size(); }
    /// How many pieces can be pushed.
    usize room() const { return slots_.size() - used_; }
    usize bytes() const; // FIONREAD

    /// Moves what there is. Packets are kept: one at most, of which the part that finds no room is dropped; or joined:
    /// as if they were none. 0: empty.
    enum class Packets : u8 { kept, joined };
    Result<usize> read(Sink&, Packets = Packets::kept);
    /// Takes what fits; a source of at most PIPE_BUF bytes is taken whole or not at all. err::again: no room.
    /// `packets`: each piece of at most PIPE_BUF bytes stays one packet for the reader.
    Result<usize> write(Source&, bool packets);

    /// Puts a piece behind the others, without copying; there is room. No later write is merged into its page.
    void push(PipeBuffer);
    /// The first piece, or its first `most` bytes; they stay until drop(). There is one.
    PipeBuffer first(usize most) const { return slot(0).part(most); }
    void drop(usize n);
    /// Puts the first `most` bytes into another ring, as far as that has room, without copying: moved (splice), or
    /// shared (tee). How many.
    usize move_to(Ring& to, usize most);
    usize share_with(Ring& to, usize most) const;

private:
    struct Slot : PipeBuffer {
        bool packet = false;
        bool appendable = false; // later writes may fill the rest of the page: nobody else writes there
        Slot part(usize most) const;
        void advance(usize n);
    };
    Slot& slot(usize i) { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    const Slot& slot(usize i) const { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    Result<usize> append(Source&, bool packets);
    Result<usize> fill_last(Source&);
    void enter(Slot s) { slot(used_++) = std::move(s); }
    void leave_first();
    void drop_first();

    Vector<Slot> slots_;
    usize first_ = 0, used_ = 0;
    FrameRef spare_; // the page read last, if it was ours alone: saves an allocation per write
};
} // namespace pipes
