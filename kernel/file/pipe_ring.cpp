#include "kernel/file/pipe_ring.h"

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
    for (usize i = 0; i < used_; i++) sum += slots_[(first_ + i) & (slots_.size() - 1)].length;
    return sum;
}

void Ring::drop_first() {
    Slot& s = slot(0);
    if (spare_)
        s.page.reset();
    else
        spare_ = std::move(s.page);
    s.offset = s.length = 0;
    first_ = (first_ + 1) & (slots_.size() - 1);
    used_--;
}

Result<usize> Ring::read(Sink& to) {
    usize sum = 0;
    while (used_ && !to.done()) {
        Slot& s = slot(0);
        usize wanted = to.remaining() < s.length ? to.remaining() : s.length;
        auto n = to.put(std::span{s.page->bytes}.subspan(s.offset, s.length));
        if (!n || *n < wanted) { // faulted: what is in this page stays in the pipe as a whole, as on Linux
            if (sum) break;
            return err::fault;
        }
        sum += *n;
        s.offset += static_cast<u16>(*n);
        s.length -= static_cast<u16>(*n);
        bool packet = s.packet;
        if (s.length == 0 || packet) drop_first();
        if (packet) break;
    }
    return sum;
}

Result<usize> Ring::fill_last(Source& from) {
    Slot& s = slot(used_ - 1);
    usize end = s.offset + s.length;
    usize n = TRY(from.get_all(std::span{s.page->bytes}.subspan(end)));
    s.length += static_cast<u16>(n);
    return n;
}

Result<usize> Ring::append(Source& from, bool packets) {
    Slot& s = slot(used_);
    if (!s.page) s.page = spare_ ? std::move(spare_) : TRY(make<Page>());
    usize n = TRY(from.get_all(s.page->bytes));
    if (n == 0) return 0;
    s.offset = 0;
    s.length = static_cast<u16>(n);
    s.packet = packets;
    used_++;
    return n;
}

Result<usize> Ring::write(Source& from, bool packets) {
    usize sum = 0;
    if (used_ && !packets && !from.done()) {
        Slot& last = slot(used_ - 1);
        usize room = last.packet ? 0 : page_size - last.offset - last.length;
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
