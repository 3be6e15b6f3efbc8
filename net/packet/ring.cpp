#include "net/packet/ring.h"
#include "core/time/clock.h"
#include "net/inet/stack/ethernet.h"
#include <algorithm>
#include <cstring>

namespace packet_sockets {
namespace {
constexpr usize largest = usize{256} << 20; // bytes; charged to who makes it
constexpr usize link_header = 16;           // where a link's header has less, its frame is placed as if it had that
} // namespace

usize RingLayout::header() const { return version == TPACKET_V1 ? sizeof(tpacket_hdr) : sizeof(tpacket2_hdr); }

Ring::Ring(const tpacket_req& r, const RingLayout& layout)
    : layout_{layout},
      block_size_{r.tp_block_size},
      frame_size_{r.tp_frame_size},
      frames_{r.tp_frame_nr},
      per_block_{r.tp_block_size / r.tp_frame_size} {}

Result<Ref<Ring>> Ring::create(const tpacket_req& r, const RingLayout& layout) {
    if (static_cast<int>(r.tp_block_size) <= 0 || r.tp_block_size % page_size) return err::inval;
    if (r.tp_frame_size < layout.all_headers() + layout.reserve || r.tp_frame_size % TPACKET_ALIGNMENT ||
        r.tp_frame_size > r.tp_block_size)
        return err::inval;
    u64 bytes = u64{r.tp_block_size} * r.tp_block_nr;
    if (u64{r.tp_block_size / r.tp_frame_size} * r.tp_block_nr != r.tp_frame_nr) return err::inval;
    if (bytes > largest) return err::nomem;
    auto made = TRY(make_ref<Ring>(r, layout));
    TRY(made->pages_.reserve(bytes / page_size));
    for (usize n = bytes / page_size; n; n--) TRY(made->pages_.push(TRY(mm::allocate_frame(FrameUse::kernel))));
    return made;
}

Result<FrameRef> Ring::page(u64 index, bool) {
    if (index >= pages_.size()) return err::nxio;
    return pages_[index];
}

std::atomic<u32>& Ring::status(u32 frame) const {
    usize at = place(frame); // aligned: it does not cross a page
    return *reinterpret_cast<std::atomic<u32>*>(pages_[at / page_size]->bytes().data() + at % page_size);
}

void Ring::write(usize at, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        usize n = std::min(bytes.size(), page_size - at % page_size);
        std::memcpy(pages_[at / page_size]->bytes().data() + at % page_size, bytes.data(), n);
        bytes = bytes.subspan(n);
        at += n;
    }
}

bool Ring::has_frames() const {
    return status(next_ ? next_ - 1 : frames_ - 1).load(std::memory_order_acquire) != TP_STATUS_KERNEL;
}

bool Ring::put(const Entry& e) {
    std::atomic<u32>& state = status(next_);
    if (state.load(std::memory_order_acquire) != TP_STATUS_KERNEL) return false;
    const net::Packet& p = e.frame.packet;
    usize frame = place(next_), size = p.size() - e.skip;
    // As tpacket_rcv(): what IP begins with is aligned, whatever stands before it.
    usize header = e.skip ? 0 : sizeof(net::inet::EthernetHeader), all = layout_.all_headers();
    usize network = (e.skip ? TPACKET_ALIGN(all) + link_header : TPACKET_ALIGN(all + link_header)) + layout_.reserve;
    usize begin = network - header, room = begin < frame_size_ ? frame_size_ - begin : 0;
    usize kept = std::min<usize>({size, e.wanted, room});
    usize at = frame + begin;
    p.for_each(e.skip, kept, [&](std::span<const std::byte> part) {
        write(at, part);
        at += part.size();
    });
    u32 seconds = static_cast<u32>(e.frame.time / clocks::ns_per_second),
        ns = static_cast<u32>(e.frame.time % clocks::ns_per_second);
    u32 shown_size = static_cast<u32>(size), shown = static_cast<u32>(kept);
    u16 mac = static_cast<u16>(begin), net = static_cast<u16>(network);
    // All but the first word: that comes last.
    auto write_header = [&](const auto& h) {
        write(frame + sizeof(u32), std::as_bytes(std::span{&h, 1}).subspan(sizeof(u32)));
    };
    if (layout_.version == TPACKET_V1)
        write_header(tpacket_hdr{0, shown_size, shown, mac, net, seconds, ns / 1000});
    else
        write_header(tpacket2_hdr{0, shown_size, shown, mac, net, seconds, ns, 0, 0, {}});
    write(frame + TPACKET_ALIGN(layout_.header()), std::as_bytes(std::span{&e.from, 1}));
    state.store(e.status, std::memory_order_release);
    next_ = next_ + 1 == frames_ ? 0 : next_ + 1;
    return true;
}
} // namespace packet_sockets
