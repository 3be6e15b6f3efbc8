#include "net/inet/reassembly.h"
#include "net/inet/ip_wire.h"
#include <algorithm>

namespace net::inet {
Reassembly::~Reassembly() {
    while (!by_age_.empty()) drop(by_age_.front());
}

u64 Reassembly::deadline() const { return by_age_.empty() ? ~u64{0} : by_age_.front().expires; }

void Reassembly::drop(Datagram& d) {
    d.fragments.clear_and_dispose([this](Packet* p) {
        memory_ -= p->true_size();
        delete p;
    });
    by_key_.erase(by_key_.iterator_to(d));
    by_age_.erase(by_age_.iterator_to(d));
    delete &d;
}

Result<Reassembly::Datagram*> Reassembly::datagram_of(const Key& key, const Ip& ip, u64 now) {
    auto at = by_key_.find(key);
    if (at != by_key_.end()) return &*at;
    if (by_age_.size() >= most_datagrams) drop(by_age_.front());
    auto made = TRY(make<Datagram>());
    made->key = key;
    made->ip = ip;
    made->expires = now + (ip.source.is_v4() ? time_v4 : time_v6);
    auto place = by_age_.end(); // behind those that expire no later
    while (place != by_age_.begin() && std::prev(place)->expires > made->expires) --place;
    by_age_.insert(place, *made);
    by_key_.insert(*made);
    return made.release();
}

/// Whether a fragment goes with those that are there.
bool Reassembly::fits(Datagram& d, const Packet& p, bool more) {
    u32 begin = p.sequence, end = begin + static_cast<u32>(p.size() - p.mark);
    if (!more && d.total && d.total != end) return false;
    if (d.total && end > d.total) return false;
    auto next = d.fragments.lower_bound(begin);
    if (next != d.fragments.end() && (next->sequence < end || !more)) return false;
    if (next == d.fragments.begin()) return true;
    const Packet& before = *std::prev(next);
    return before.sequence + (before.size() - before.mark) <= begin;
}

/// In a fragment's packet, `sequence` is its offset and `mark` the size of its headers.
Result<Reassembly::Whole> Reassembly::add(PacketBox p, const Ip& ip, u64 now) {
    u64 protocol = ip.source.is_v4() ? ip.protocol : 0;
    Key key{ip.source, ip.destination, ip.fragment_id, ip.destination.link_local() ? p->interface : 0, protocol};
    Datagram& d = *TRY(datagram_of(key, ip, now));
    p->sequence = ip.fragment_offset;
    p->mark = ip.header;
    u32 data = static_cast<u32>(p->size() - ip.header);
    if (auto same = d.fragments.find(p->sequence); same != d.fragments.end() && same->size() - same->mark == data)
        return err::again; // a duplicate
    if (data == 0 || !fits(d, *p, ip.more_fragments)) {
        drop(d);
        return err::inval;
    }
    if (!ip.more_fragments) d.total = p->sequence + data;
    if (p->sequence == 0) d.ip = ip;
    d.have += data;
    d.verified &= p->checksum == ChecksumState::verified;
    d.ecn |= static_cast<u8>(1 << ip.ecn());
    if (ip.dont_fragment) d.longest = std::max(d.longest, static_cast<u16>(p->size()));
    memory_ += p->true_size();
    d.fragments.insert(*p.release());
    if (d.total && d.have == d.total) {
        auto whole = join(d);
        drop(d);
        return whole;
    }
    while (memory_ > most_memory) {
        bool own = &by_age_.front() == &d;
        drop(by_age_.front());
        if (own) return err::inval;
    }
    return err::again;
}

/// Copies all into whole frames: what many small fragments cost is given back.
Result<Reassembly::Whole> Reassembly::join(Datagram& d) {
    Packet& first = *d.first();
    if (d.total + d.ip.unfragmentable > 65535 + ipv6_header_size) return err::inval;
    auto whole = TRY(first.slice(0, d.ip.unfragmentable));
    FrameRef frame;
    usize used = page_size;
    Result<> done;
    auto copy = [&](std::span<const std::byte> part) {
        while (!part.empty() && done) {
            if (used == page_size) {
                auto next = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
                if (!next) return void(done = std::unexpected(next.error()));
                frame = std::move(*next);
                used = 0;
            }
            usize n = std::min(part.size(), page_size - used);
            std::memcpy(static_cast<std::byte*>(frame->data()) + used, part.data(), n);
            done = whole->append(Piece{frame, static_cast<u32>(used), static_cast<u32>(n)});
            used += n;
            part = part.subspan(n);
        }
    };
    for (const Packet& p : d.fragments) p.for_each(p.mark, p.size(), copy);
    TRY(done);
    whole->checksum = d.verified ? ChecksumState::verified : ChecksumState::unknown;

    Ip ip = d.ip;
    ip.header = ip.unfragmentable;
    ip.is_fragment = ip.more_fragments = false;
    bool marked = d.ecn & 1 << 3;               // congestion was experienced by one (RFC 3168, 5.3)
    if (marked && d.ecn & 1) return err::inval; // and another could not have said so
    if (marked) ip.traffic_class |= 3;
    whole->truncate(65535 + ipv6_header_size);
    if (ip.source.is_v4()) {
        whole->trim_front(ip.header);
        IpSend same{ip.source, ip.destination, ip.protocol, ip.hop_limit, ip.traffic_class, 0, false, ip.fragment_id};
        TRY(push_ip(*whole, same)); // without its options
        ip.header = ipv4_header_size;
    } else {
        ip.dont_fragment = false;
        const u8 next = ip.protocol;
        Big16 length = static_cast<u16>(whole->size() - ipv6_header_size);
        whole->write(ip.next_header_at, std::as_bytes(std::span{&next, 1}));
        whole->write(offsetof(Ipv6Header, payload_length), std::as_bytes(std::span{&length, 1}));
    }
    return Whole{std::move(whole), ip};
}
} // namespace net::inet
