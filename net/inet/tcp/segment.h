// A segment on the wire (RFC 9293, 3.1) and its options (RFC 7323, 2018).
#pragma once
#include "net/inet/ip.h"
#include "net/inet/tcp/sequence.h"

namespace net::tcp {
enum Flag : u8 { fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32, ece = 64, cwr = 128 };

struct Block {
    Seq begin, end;
};
struct Options {
    static constexpr usize most_blocks = 4;
    u16 mss = 0; // 0: not there
    bool has_scale = false, sack_permitted = false, has_timestamps = false;
    u8 scale = 0, block_count = 0;
    bool ecn = false; // of a handshake: no option, but what the flags of its SYN ask for
    u32 ts_value = 0, ts_echo = 0;
    Block blocks[most_blocks];
};
/// Bytes of options, padded.
usize size_of(const Options&);
inline constexpr usize header_size = 20, most_options = 40, timestamps_size = 12;
constexpr usize blocks_size(usize n) { return n ? 4 + 8 * n : 0; }
/// Lengths of windows can be shifted by no more (RFC 7323, 2.3).
inline constexpr u8 most_scale = 14;

struct Header {
    u16 source_port = 0, destination_port = 0;
    Seq seq, ack;
    u8 flags = 0;
    u16 window = 0, urgent = 0;
    Options options;
    bool has(Flag f) const { return flags & f; }
};
/// What came in: a header, and the data behind it.
struct Segment : Header {
    PacketBox data; // without headers; empty, not null, when there is none
    u8 ecn = 0;     // of the IP header
    u32 length() const { return static_cast<u32>(data->size()) + has(syn) + has(fin); }
    Seq end() const { return seq + length(); }
    /// Of a SYN (RFC 3168, 6.1.1). One that is marked itself was sent by somebody who does not know what that means.
    bool asks_for_ecn() const { return has(ece) && has(cwr) && !ecn; }
};

/// Reads a packet that begins with its IP header. err::inval: a header that cannot be; err::badmsg: its checksum.
Result<Segment> parse(PacketBox, const inet::Ip&);
/// Puts the header in front of the data. `offload`: the checksum is left to who sends it.
Result<> push(Packet&, const Header&, const Address& source, const Address& destination, bool offload);
/// One of the segments that a large one is to be cut into by its `segment_size`: the data from `at` on, with a header
/// of its own and its checksum. `whole` begins with the TCP header. err::inval: there are no data at `at`; err::nomem.
Result<PacketBox> cut(const Packet& whole, usize at, const Address& source, const Address& destination);
/// What answers a segment that no connection wants: a RST, unless it is one (RFC 9293, 3.10.7.1).
std::optional<Header> reset_for(const Segment&);
} // namespace net::tcp
