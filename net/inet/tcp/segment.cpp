#include "net/inet/tcp/segment.h"
#include <linux/in.h>

namespace net::tcp {
namespace {
struct Wire {
    Big16 source, destination;
    Big32 seq, ack;
    u8 words, flags; // header length in the upper four bits
    Big16 window, checksum, urgent;
};
static_assert(sizeof(Wire) == header_size);

enum : u8 {
    end_of_options = 0,
    no_op = 1,
    option_mss = 2,
    option_scale = 3,
    option_permitted = 4,
    option_sack = 5,
    option_timestamps = 8
};

void take_blocks(Reader content, Options& o) {
    while (o.block_count < Options::most_blocks) {
        auto begin = content.take<Big32>(), end = content.take<Big32>();
        if (!begin || !end) return;
        o.blocks[o.block_count++] = {Seq{*begin}, Seq{*end}};
    }
}

/// An option that is not as it should be is passed over, one whose length cannot be ends them (RFC 9293, 3.1).
void take_options(Reader r, const Packet& p, bool in_syn, Options& o) {
    while (auto kind = r.take<u8>()) {
        if (*kind == end_of_options) return;
        if (*kind == no_op) continue;
        auto length = r.take<u8>();
        usize at = r.offset();
        if (!length || *length < 2 || !r.skip(*length - 2u)) return;
        Reader content{p, at, r.offset()};
        if (*kind == option_mss && *length == 4 && in_syn) o.mss = *content.take<Big16>();
        if (*kind == option_scale && *length == 3 && in_syn) {
            o.has_scale = true;
            u8 scale = *content.take<u8>();
            o.scale = scale < most_scale ? scale : most_scale;
        }
        if (*kind == option_permitted && *length == 2 && in_syn) o.sack_permitted = true;
        if (*kind == option_sack && *length >= 10 && *length % 8 == 2 && !in_syn) take_blocks(content, o);
        if (*kind == option_timestamps && *length == 10) {
            o.has_timestamps = true;
            o.ts_value = *content.take<Big32>();
            o.ts_echo = *content.take<Big32>();
        }
    }
}
} // namespace

Result<Segment> parse(PacketBox p, const inet::Ip& ip) {
    auto w = Reader{*p, ip.header}.take<Wire>();
    if (!w) return err::inval;
    usize header = (w->words >> 4) * 4u, length = p->size() - ip.header;
    if (header < header_size || header > length) return err::inval;
    if (p->checksum == ChecksumState::unknown) {
        Checksum sum = pseudo_header(ip.source, ip.destination, IPPROTO_TCP, length);
        p->add_to(sum, ip.header, length);
        if (sum.value() != 0) return err::badmsg;
    }
    Segment s;
    s.source_port = w->source;
    s.destination_port = w->destination;
    s.seq = {w->seq};
    s.ack = {w->ack};
    s.flags = w->flags;
    s.window = w->window;
    s.urgent = w->urgent;
    s.ecn = ip.ecn();
    take_options(Reader{*p, ip.header + header_size, ip.header + header}, *p, s.has(syn), s.options);
    p->trim_front(ip.header + header);
    s.data = std::move(p);
    return s;
}

namespace {
/// Writes options into at most 40 bytes.
class OptionWriter {
public:
    void byte(u8 v) { bytes_[size_++] = v; }
    void word(u32 v) {
        for (int shift = 24; shift >= 0; shift -= 8) byte(static_cast<u8>(v >> shift));
    }
    void write(const Options& o) {
        if (o.mss) word(u32{option_mss} << 24 | 4 << 16 | o.mss);
        if (o.has_timestamps) {
            word(no_op << 24 | no_op << 16 | option_timestamps << 8 | 10);
            word(o.ts_value), word(o.ts_echo);
        }
        if (o.has_scale) word(no_op << 24 | option_scale << 16 | 3 << 8 | o.scale);
        if (o.sack_permitted) word(no_op << 24 | no_op << 16 | option_permitted << 8 | 2);
        if (o.block_count) word(no_op << 24 | no_op << 16 | option_sack << 8 | (2 + 8u * o.block_count));
        for (usize i = 0; i < o.block_count; i++) word(o.blocks[i].begin.value), word(o.blocks[i].end.value);
    }
    std::span<const std::byte> bytes() const { return std::as_bytes(std::span{bytes_}.first(size_)); }

private:
    std::array<u8, most_options + 16> bytes_{};
    usize size_ = 0;
};
} // namespace

usize size_of(const Options& o) {
    return (o.mss ? 4 : 0) + (o.has_timestamps ? timestamps_size : 0) + (o.has_scale ? 4 : 0) +
           (o.sack_permitted ? 4 : 0) + blocks_size(o.block_count);
}

Result<> push(Packet& p, const Header& h, const Address& source, const Address& destination, bool offload) {
    OptionWriter options;
    options.write(h.options);
    if (options.bytes().size() > most_options) return err::msgsize;
    Wire w;
    w.source = h.source_port;
    w.destination = h.destination_port;
    w.seq = h.seq.value;
    w.ack = h.ack.value;
    w.words = static_cast<u8>((header_size + options.bytes().size()) / 4 << 4);
    w.flags = h.flags;
    w.window = h.window;
    w.urgent = h.urgent;
    usize length = p.size() + header_size + options.bytes().size();
    Checksum sum = pseudo_header(source, destination, IPPROTO_TCP, length);
    if (offload) {
        w.checksum = sum.partial();
    } else {
        sum.add(std::as_bytes(std::span{&w, 1}));
        sum.add(options.bytes());
        p.add_to(sum, 0, p.size());
        w.checksum = sum.value();
    }
    TRY(p.push(options.bytes()));
    TRY(p.push_header(w));
    p.checksum = offload ? ChecksumState::partial : ChecksumState::unknown;
    p.checksum_start = 0;
    p.checksum_offset = offsetof(Wire, checksum);
    return {};
}

Result<PacketBox> cut(const Packet& whole, usize at, const Address& source, const Address& destination) {
    auto w = Reader{whole}.take<Wire>();
    usize header = w ? (w->words >> 4) * 4u : 0;
    if (header < header_size || header + at >= whole.size() || !whole.segment_size) return err::inval;
    std::byte options[most_options];
    std::span rest{options, header - header_size};
    if (!whole.copy(header_size, rest)) return err::inval;
    auto p = TRY(whole.slice(header + at, whole.segment_size));
    bool last = header + at + p->size() == whole.size();
    w->seq = w->seq + static_cast<u32>(at);
    if (!last) w->flags &= static_cast<u8>(~(fin | psh));
    if (at) w->flags &= static_cast<u8>(~cwr);
    w->checksum = 0;
    Checksum sum = pseudo_header(source, destination, IPPROTO_TCP, header + p->size());
    sum.add(std::as_bytes(std::span{&*w, 1}));
    sum.add(rest);
    p->add_to(sum, 0, p->size());
    w->checksum = sum.value();
    TRY(p->push(rest));
    TRY(p->push_header(*w));
    p->checksum = ChecksumState::unknown;
    p->segment_size = 0;
    return p;
}

std::optional<Header> reset_for(const Segment& s) {
    if (s.has(rst)) return std::nullopt;
    Header h{.source_port = s.destination_port, .destination_port = s.source_port};
    if (s.has(ack)) {
        h.seq = s.ack;
        h.flags = rst;
    } else {
        h.ack = s.end();
        h.flags = rst | ack;
    }
    return h;
}
} // namespace net::tcp
