#include "net/unix/packet.h"
#include "net/unix/collector.h"
#include "net/unix/endpoint.h"
#include <algorithm>

namespace unix_sockets {
namespace {
/// Beyond, bytes lie in pages: an object of the heap is not larger than half of one.
constexpr u32 most_inline = 2048 - sizeof(Packet);
} // namespace

Packet::~Packet() {
    for (u32 i = 0; i < frames; i++) pages()[i].~FrameRef();
}
void Packet::destroy(Packet* p) {
    p->~Packet();
    ::operator delete(p);
}

/// The bytes from `at` on that lie together.
std::span<std::byte> Packet::piece(u32 at) {
    if (!frames) return {bytes() + at, size - at};
    u32 in_page = at & (page_size - 1);
    return pages()[at >> page_shift]->bytes().subspan(in_page, std::min<usize>(page_size - in_page, size - at));
}

Result<> Packet::fill(Source& from) {
    auto start = from.position();
    for (u32 at = 0; at < size;) {
        auto to = piece(at);
        auto got = from.get(to);
        if (!got || *got < to.size()) {
            from.go_back(start);
            return err::fault;
        }
        at += static_cast<u32>(*got);
    }
    return {};
}

Result<Packet*> Packet::create(Source& from, u32 n) {
    u32 count = n <= most_inline ? 0 : static_cast<u32>(page_up(n) >> page_shift);
    usize object = sizeof(Packet) + (count ? count * sizeof(FrameRef) : n);
    void* memory = ::operator new(object, std::nothrow);
    if (!memory) return err::nomem;
    u32 counted = static_cast<u32>(((object + 15) & ~usize{15}) + count * page_size);
    Packet* made = new (memory) Packet{n, counted, count};
    for (u32 i = 0; i < count; i++) new (made->pages() + i) FrameRef;
    Result<> done;
    for (u32 i = 0; i < count && done; i++) {
        // Not zeroed: only what was written is ever read.
        auto frame = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
        if (frame)
            made->pages()[i] = std::move(*frame);
        else
            done = std::unexpected(frame.error());
    }
    if (done && n) done = made->fill(from);
    if (!done) destroy(made);
    return done ? Result<Packet*>{made} : std::unexpected(done.error());
}

Result<> Packet::copy_to(Sink& to, u32 skip, u32 n) const {
    auto start = to.position();
    for (u32 at = skip, end = skip + n; at < end;) {
        auto from = const_cast<Packet*>(this)->piece(at);
        from = from.first(std::min<usize>(from.size(), end - at));
        auto put = to.put(from);
        if (!put || *put < from.size()) {
            to.go_back(start);
            return err::fault;
        }
        at += static_cast<u32>(*put);
    }
    return {};
}
} // namespace unix_sockets
