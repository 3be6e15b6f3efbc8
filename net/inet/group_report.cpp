#include "net/inet/group_report.h"
#include "net/inet/icmp.h"
#include "net/inet/ip_wire.h"
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
namespace {
enum : u8 { igmp_query = 0x11, igmp_v2_report = 0x16, igmp_leave = 0x17, igmp_v3_report = 0x22 };
enum : u8 { mld_query = 130, mld_report = 131, mld_done = 132, mld_v2_report = 143 };
constexpr u64 tenth_of_second = 100'000'000, millisecond = 1'000'000;

struct IgmpHeader {
    u8 type = 0, delay = 0;
    Big16 checksum;
    Big32 group; // version 3's reports: reserved, and the number of records
};
struct Record {
    u8 type, words = 0; // of auxiliary data
    Big16 sources{};
};
static_assert(sizeof(IgmpHeader) == 8 && sizeof(Record) == 4);
constexpr usize most_records = 60; // a report fits into 1280 bytes

bool is_v4(std::span<const Address> groups) { return !groups.empty() && groups.front().is_v4(); }

Result<> push_igmp(Packet& p, IgmpHeader h) {
    Checksum sum;
    sum.add(std::as_bytes(std::span{&h, 1}));
    p.add_to(sum, 0, p.size());
    h.checksum = sum.value();
    return p.push_header(h);
}
void append(Packet& p, const void* bytes, usize n) { std::memcpy(p.append_linear(n).data(), bytes, n); }

/// RFC 3376, 4.1.1; RFC 3810, 5.1.3: a mantissa and an exponent above 127, or 32767.
u32 decoded(u32 code, unsigned mantissa_bits) {
    u32 limit = 1u << (mantissa_bits + 3);
    if (code < limit) return code;
    u32 mantissa = (code & ((1u << mantissa_bits) - 1)) | 1u << mantissa_bits;
    return mantissa << ((code >> mantissa_bits & 7) + 3);
}
} // namespace

Result<PacketBox> make_group_report(std::span<const Address> groups, GroupRecord kind, const Address& source) {
    if (groups.size() > most_records) return err::msgsize;
    bool v4 = is_v4(groups);
    auto p = TRY(Packet::create(groups.size() * (sizeof(Record) + (v4 ? 4 : 16))));
    for (const Address& group : groups) {
        Record record{static_cast<u8>(kind)};
        append(*p, &record, sizeof record);
        v4 ? append(*p, group.bytes.data() + 12, 4) : append(*p, group.bytes.data(), 16);
    }
    u32 count = static_cast<u32>(groups.size());
    if (v4)
        TRY(push_igmp(*p, {.type = igmp_v3_report, .delay = 0, .checksum = {}, .group = count}));
    else
        TRY(push_icmp(*p, {.type = mld_v2_report, .code = 0, .checksum = {}, .rest = count}, source, group_routers_v6));
    return p;
}

Address old_report_destination(const Address& group, bool leaves) {
    if (!leaves) return group;
    return group.is_v4() ? Address::v4(224, 0, 0, 2) : Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 2});
}

Result<PacketBox> make_old_group_report(const Address& group, bool leaves, const Address& source) {
    if (group.is_v4()) {
        auto p = TRY(Packet::create());
        u8 type = leaves ? igmp_leave : igmp_v2_report;
        TRY(push_igmp(*p, {.type = type, .delay = 0, .checksum = {}, .group = group.v4_value()}));
        return p;
    }
    auto p = TRY(Packet::create(16));
    append(*p, group.bytes.data(), 16);
    u8 type = leaves ? mld_done : mld_report;
    TRY(push_icmp(*p, {.type = type, .code = 0, .checksum = {}, .rest = 0}, source,
                  old_report_destination(group, leaves)));
    return p;
}

Result<> push_ip_router_alert(Packet& p, const Address& source, const Address& destination) {
    if (!destination.is_v4()) {
        static constexpr std::array<u8, 8> hop_by_hop{IPPROTO_ICMPV6, 0, IPV6_TLV_ROUTERALERT, 2, 0, 0,
                                                      IPV6_TLV_PADN,  0};
        TRY(p.push_header(hop_by_hop));
        return push_ip(p, {.source = source, .destination = destination, .protocol = IPPROTO_HOPOPTS, .hop_limit = 1});
    }
    struct {
        Ipv4Header header;
        std::array<u8, 4> alert{148, 4, 0, 0};
    } h;
    static_assert(sizeof h == 24);
    h.header.version_and_words = 0x46;
    h.header.tos = 0xc0;
    h.header.total_length = static_cast<u16>(p.size() + sizeof h);
    h.header.fragment = ipv4_dont_fragment;
    h.header.ttl = 1;
    h.header.protocol = IPPROTO_IGMP;
    h.header.source = source.v4_value();
    h.header.destination = destination.v4_value();
    Checksum sum;
    sum.add(std::as_bytes(std::span{&h, 1}));
    h.header.checksum = sum.value();
    return p.push_header(h);
}

namespace {
Result<GroupQuery> parse_igmp_query(const Packet& p, const Ip& ip) {
    Checksum sum;
    p.add_to(sum, ip.header, p.size() - ip.header);
    auto h = Reader{p, ip.header}.take<IgmpHeader>();
    if (!h || h->type != igmp_query || sum.value() != 0) return err::inval;
    usize size = p.size() - ip.header;
    GroupQuery q{.group = Address::v4(h->group)};
    if (size == sizeof *h) // version 1 leaves the delay out, and means ten seconds
        q.most_delay = h->delay ? h->delay * tenth_of_second : 100 * tenth_of_second, q.version = h->delay ? 2 : 1;
    else if (size >= sizeof *h + 4)
        q.most_delay = decoded(h->delay, 4) * tenth_of_second;
    else
        return err::inval;
    if (!q.group.unspecified() && !q.group.multicast()) return err::inval;
    return q;
}
/// RFC 3810, 5.1.14, 8.1.
Result<GroupQuery> parse_mld_query(const Packet& p, const Ip& ip) {
    Reader r{p, ip.header};
    auto h = r.take<IcmpHeader>();
    auto group = r.take<std::array<u8, 16>>();
    if (!h || !group || h->type != mld_query || h->code || ip.hop_limit != 1) return err::inval;
    if (!ip.source.link_local() || ip.source.is_v4()) return err::inval;
    GroupQuery q{.group = {*group}};
    usize size = p.size() - ip.header;
    u32 delay = h->rest >> 16;
    if (size != 24 && size < 28) return err::inval;
    q.version = size == 24 ? 2 : 3;
    q.most_delay = (size == 24 ? delay : decoded(delay, 12)) * millisecond;
    if (!q.group.unspecified() && !q.group.multicast()) return err::inval;
    return q;
}
} // namespace

Result<GroupQuery> parse_group_query(const Packet& p, const Ip& ip) {
    return ip.source.is_v4() ? parse_igmp_query(p, ip) : parse_mld_query(p, ip);
}
} // namespace net::inet
