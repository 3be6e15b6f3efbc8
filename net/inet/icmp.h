// ICMP for both families (RFC 792, 1122, 4443): errors made and understood, echoes answered, and how many a second.
#pragma once
#include "lib/hash.h"
#include "net/inet/ip.h"

namespace net::inet {
struct IcmpHeader {
    u8 type = 0, code = 0;
    Big16 checksum;
    Big32 rest; // by type: identifier and sequence, MTU, pointer
};
static_assert(sizeof(IcmpHeader) == 8);

/// Why a packet was not accepted; icmp_error() makes the family's message of it.
enum class Refusal : u8 {
    no_route,
    prohibited,
    host_unreachable, // nobody on the link has the address
    port_unreachable,
    protocol_unreachable, // IPv6: a parameter problem
    too_big,              // `value`: the MTU
    hop_limit,
    reassembly_time,
    parameter, // IPv6; `value`: the pointer, and the code with it
};

/// IPPROTO_ICMP or IPPROTO_ICMPV6: its family's.
inline u8 icmp_of(const Address& a) { return a.is_v4() ? 1 : 58; }

/// The message about `original`, which begins with the header that `ip` was read from; to be sent by `from` to
/// ip.source as the family's ICMP. Null where no error may be sent: about errors, fragments but the first, multicast,
/// and sources that are nobody's (RFC 1122, 3.2.2; RFC 4443, 2.4).
Result<PacketBox> icmp_error(const Packet& original, const Ip& ip, const Address& from, Refusal, u32 value = 0,
                             u8 code = 0);

/// How often errors are sent: a bucket for all and one for each destination, by hash, so that their number is fixed.
/// As Linux's icmp_msgs_per_sec, icmp_msgs_burst and icmp_ratelimit.
class IcmpLimit {
public:
    explicit IcmpLimit(SipHash hash) : hash_{hash} {}
    bool allow(const Address& to, u64 now);
    static constexpr u64 second = 1'000'000'000;
    static constexpr u64 burst = 50, per_second = 1000, burst_to_one = 6;

private:
    /// A token each `interval` ns, `most` of them at most.
    struct Bucket {
        u64 spent_until = 0;
        bool has_token(u64 interval, u64 most, u64 now) const { return spent_until <= now + (most - 1) * interval; }
        void take(u64 interval, u64 now) { spent_until = (spent_until > now ? spent_until : now) + interval; }
    };
    SipHash hash_;
    Bucket all_;
    std::array<Bucket, 256> by_destination_;
};

/// The answer to an echo request, whose packet it becomes: without its IP header. err::inval: it is none.
Result<> make_echo_reply(Packet&, const Ip&);

/// What somebody on the way, or the peer, says of a packet that this machine has sent.
struct IcmpError {
    u8 type = 0, code = 0;
    Errno error = Errno::proto;
    bool fatal = false;     // the peer itself refuses; the others may pass
    u32 mtu = 0;            // of too big; 0 else
    Ip sent;                // from the quoted header: `source` is an address of ours. Nothing else of it is sure
    usize transport_at = 0; // where the quoted transport's header begins in the packet
};
/// Understands an ICMP packet, its IP header included, whose checksum is right. err::nomsg: it is no error;
/// err::inval: the quoted packet is cut too short.
Result<IcmpError> parse_icmp_error(const Packet&, const Ip&);
/// Whether the checksum of an ICMP packet, its IP header included, is right.
bool icmp_checksum_is_right(const Packet&, const Ip&);
/// Writes type, code and checksum in front of what follows: all of the packet but the IP header.
Result<> push_icmp(Packet&, IcmpHeader, const Address& source, const Address& destination);
} // namespace net::inet
