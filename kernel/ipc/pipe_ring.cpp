#include "kernel/ipc/pipe_ring.h"
#include <algorithm>

namespace pipes {
Result<> Ring::resize(usize pages) {
    if (pages < used_) return err::busy;
    Vector<Slot> moved;
    TRY(moved.resize(pages));
    for (usize i = 0; i < used_; i++) moved[i] = std::move(slot(i));
    slots_ = std::move(moved);
    first_ = 0;
    return {};
}

usize Ring::bytes() const {
    usize sum = 0;
    for (usize i = 0; i < used_; i++) sum += slot(i).length;
    return sum;
}

/// A shared part: without the right to append, which stays with the whole.
Ring::Slot Ring::Slot::part(usize most) const {
    Slot s = *this;
    if (most < s.length) s.length = static_cast<u16>(most);
    s.appendable = false;
    return s;
}

void Ring::Slot::advance(usize n) {
    offset += static_cast<u16>(n);
    length -= static_cast<u16>(n);
}

/// The first slot is empty, or has been moved from.
void Ring::leave_first() {
    first_ = (first_ + 1) & (slots_.size() - 1);
    used_--;
}

void Ring::drop_first() {
    Slot& s = slot(0);
    if (s.appendable && !spare_ && s.frame->refs.load(std::memory_order_acquire) == 1)
        spare_ = std::move(s.frame);
    else
        s.frame = {};
    leave_first();
}

Result<usize> Ring::read(Sink& to, Packets packets) {
    usize sum = 0;
    while (used_ && !to.done()) {
        Slot& s = slot(0);
        usize wanted = to.remaining() < s.length ? to.remaining() : s.length;
        auto n = to.put(s.bytes());
        if (!n || *n < wanted) { // faulted: what is in this page stays in the pipe as a whole, as on Linux
            if (sum) break;
            return err::fault;
        }
        sum += *n;
        s.advance(*n);
        bool packet = s.packet && packets == Packets::kept;
        if (s.length == 0 || packet) drop_first();
        if (packet) break;
    }
    return sum;
}

Result<usize> Ring::fill_last(Source& from) {
    Slot& s = slot(used_ - 1);
    usize end = s.offset + s.length;
    usize n = TRY(from.get_all(s.frame->bytes().subspan(end)));
    s.length += static_cast<u16>(n);
    return n;
}

Result<usize> Ring::append(Source& from, bool packets) {
    // Not zeroed: only what was written is ever read.
    if (!spare_) spare_ = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing));
    usize n = TRY(from.get_all(spare_->bytes()));
    if (n == 0) return 0;
    enter({{std::move(spare_), 0, static_cast<u16>(n)}, packets, true});
    return n;
}

void Ring::drop(usize n) {
    Slot& s = slot(0);
    s.advance(n);
    if (s.length == 0) drop_first();
}

void Ring::push(PipeBuffer piece) { enter({std::move(piece)}); }

usize Ring::move_to(Ring& to, usize most) {
    usize moved = 0;
    while (moved < most && used_ && !to.full()) {
        Slot& s = slot(0);
        usize n = std::min<usize>(s.length, most - moved);
        moved += n;
        if (n < s.length) {
            to.enter(s.part(n));
            s.advance(n);
            break;
        }
        to.enter(std::move(s));
        leave_first();
    }
    return moved;
}

usize Ring::share_with(Ring& to, usize most) const {
    usize shared = 0;
    for (usize i = 0; i < used_ && shared < most && !to.full(); i++) {
        to.enter(slot(i).part(most - shared));
        shared += std::min<usize>(slot(i).length, most - shared);
    }
    return shared;
}

Result<usize> Ring::write(Source& from, bool packets) {
    usize sum = 0;
    if (used_ && !packets && !from.done()) {
        Slot& last = slot(used_ - 1);
        usize room = last.appendable && !last.packet ? page_size - last.offset - last.length : 0;
        // Only a write that need not be atomic may be split over the end of a page that others share.
        if (room && (from.remaining() <= room || from.remaining() > atomic_size)) sum = TRY(fill_last(from));
    }
    while (!from.done()) {
        if (full()) {
            if (sum) break;
            return err::again;
        }
        auto n = append(from, packets);
        if (!n) {
            if (sum) break;
            return n;
        }
        sum += *n;
    }
    return sum;
}
} // namespace pipes
