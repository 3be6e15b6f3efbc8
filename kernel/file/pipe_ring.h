// The buffer of a pipe: a ring of pages, as Linux counts them. Small writes share a page; a packet has one of its own.
// Not locked: the pipe's mutex does that.
#pragma once
#include "kernel/file/cursor.h"
#include "lib/vector.h"
#include <array>

namespace pipes {
inline constexpr usize atomic_size = page_size; // PIPE_BUF

class Ring {
public:
    /// `pages` is a power of two. err::nomem; err::busy: more are in use. Content stays.
    Result<> resize(usize pages);
    usize capacity() const { return slots_.size() * page_size; }
    bool empty() const { return used_ == 0; }
    /// Whether a write of PIPE_BUF bytes would have to wait.
    bool full() const { return used_ == slots_.size(); }
    usize bytes() const; // FIONREAD

    /// Moves what there is; of a packet, the part that finds no room is dropped. 0: empty.
    Result<usize> read(Sink&);
    /// Takes what fits; a source of at most PIPE_BUF bytes is taken whole or not at all. err::again: no room.
    /// `packets`: each piece of at most PIPE_BUF bytes stays one packet for the reader.
    Result<usize> write(Source&, bool packets);

private:
    struct Page {
        Page() {} // not zeroed: only what was written is ever read
        std::array<std::byte, page_size> bytes;
    };
    struct Slot {
        Box<Page> page;
        u16 offset = 0, length = 0;
        bool packet = false;
    };
    Slot& slot(usize i) { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    Result<usize> append(Source&, bool packets);
    Result<usize> fill_last(Source&);
    void drop_first();

    Vector<Slot> slots_;
    usize first_ = 0, used_ = 0;
    Box<Page> spare_; // the page read last: saves an allocation per write
};
} // namespace pipes
