#include "net/inet/dhcp_message.h"
#include <algorithm>
#include <bit>

namespace net::inet {
namespace {
constexpr u8 operation_request = 1, operation_reply = 2, hardware_ethernet = 1;
constexpr u16 answer_to_all = 0x8000;
constexpr u32 magic = 0x63825363;
constexpr usize least_size = 300; // RFC 951: some relays want no less
constexpr usize most_options = 1500;

enum Option : u8 {
    option_pad = 0,
    option_mask = 1,
    option_router = 3,
    option_dns = 6,
    option_host_name = 12,
    option_domain = 15,
    option_mtu = 26,
    option_ntp = 42,
    option_requested = 50,
    option_seconds = 51,
    option_overload = 52,
    option_type = 53,
    option_server = 54,
    option_wanted = 55,
    option_largest = 57,
    option_renew = 58,
    option_rebind = 59,
    option_client = 61,
    option_end = 255,
};
enum Overload : u8 { overload_file = 1, overload_name = 2 };

struct Wire {
    u8 operation, hardware = hardware_ethernet, hardware_size = 6, hops = 0;
    Big32 transaction;
    Big16 seconds, flags;
    Big32 own, yours, server, relay;
    std::array<u8, 6> client;
    u8 client_rest[10] = {};
    u8 name[64] = {}, file[128] = {};
    Big32 cookie = magic;
};
static_assert(sizeof(Wire) == 240);

using Value = std::span<const u8>;
u32 number(Value v) {
    u32 n = 0;
    for (u8 byte : v) n = n << 8 | byte;
    return n;
}
/// The i-th address of a list; 0.0.0.0: there is none such that somebody can have.
Address address(Value v, usize i = 0) {
    if (v.size() < 4 * (i + 1)) return any_v4;
    Address a = Address::v4(number(v.subspan(4 * i, 4)));
    return a.valid_source() && !a.loopback() ? a : any_v4;
}
/// A name as it may stand in a file or be shown; empty: it is none.
FixedString<64> name(Value v) {
    while (!v.empty() && v.back() == 0) v = v.first(v.size() - 1);
    auto fine = [](u8 c) { return c == '-' || c == '.' || (c | 32) - 'a' < 26u || c - '0' < 10u; };
    if (v.size() > 64 || !std::ranges::all_of(v, fine)) return {};
    return {std::string_view{reinterpret_cast<const char*>(v.data()), v.size()}};
}

/// What the options say; of one that stands there twice, the first counts.
struct Options {
    u8 type = 0, overload = 0;
    bool has_mask = false;
    DhcpLease lease;

    /// False: one ends behind the end.
    bool read(Value area) {
        while (!area.empty()) {
            u8 code = area[0];
            if (code == option_end) return true;
            if (code == option_pad) {
                area = area.subspan(1);
                continue;
            }
            if (area.size() < 2 || area.size() - 2 < area[1]) return false;
            take(code, area.subspan(2, area[1]));
            area = area.subspan(usize{2} + area[1]);
        }
        return true;
    }

private:
    void take(u8 code, Value v) {
        u64 bit = u64{1} << (code & 63);
        if (code > 63 || seen_ & bit) return;
        seen_ |= bit;
        switch (code) {
        case option_mask: return take_mask(v);
        case option_router: lease.router = address(v); return;
        case option_dns:
            for (usize i = 0; i < lease.dns.size(); i++) lease.dns[i] = address(v, i);
            return;
        case option_ntp:
            for (usize i = 0; i < lease.ntp.size(); i++) lease.ntp[i] = address(v, i);
            return;
        case option_host_name: lease.host_name = name(v); return;
        case option_domain: lease.domain = name(v); return;
        case option_mtu:
            if (v.size() == 2 && number(v) >= 68) lease.mtu = static_cast<u16>(number(v));
            return;
        case option_seconds: return take_seconds(lease.seconds, v);
        case option_renew: return take_seconds(lease.renew_after, v);
        case option_rebind: return take_seconds(lease.rebind_after, v);
        case option_overload:
            if (v.size() == 1) overload = v[0];
            return;
        case option_type:
            if (v.size() == 1) type = v[0];
            return;
        case option_server: lease.server = address(v); return;
        }
    }
    void take_mask(Value v) {
        u32 mask = v.size() == 4 ? number(v) : 0;
        has_mask = mask && (~mask & (~mask + 1)) == 0;
        if (has_mask) lease.prefix = static_cast<u8>(std::popcount(mask));
    }
    static void take_seconds(u32& to, Value v) {
        if (v.size() == 4) to = number(v);
    }
    u64 seen_ = 0;
};

/// The size of a network by its class (RFC 791), where nobody has said it.
u8 class_prefix(const Address& a) { return a.v4_value() >> 31 == 0 ? 8 : a.v4_value() >> 30 == 2 ? 16 : 24; }
} // namespace

Result<DhcpReply> parse_dhcp(const Packet& p) {
    Reader in{p};
    auto w = in.take<Wire>();
    if (!w || w->operation != operation_reply || w->hardware != hardware_ethernet || w->hardware_size != 6 ||
        w->cookie != magic)
        return err::inval;
    u8 area[most_options];
    usize size = std::min(in.remaining(), sizeof area);
    (void)in.take(std::as_writable_bytes(std::span{area, size}));
    Options options;
    if (!options.read({area, size})) return err::inval;
    u8 overload = options.overload; // RFC 2132, 9.3: the file's first
    if (overload & overload_file && !options.read(w->file)) return err::inval;
    if (overload & overload_name && !options.read(w->name)) return err::inval;
    DhcpReply r{static_cast<DhcpType>(options.type), w->transaction, {w->client}, options.lease};
    if (r.type != DhcpType::offer && r.type != DhcpType::ack && r.type != DhcpType::nak) return err::inval;
    r.lease.address = Address::v4(w->yours);
    if (r.type == DhcpType::nak) return r;
    if (!r.lease.address.valid_source() || r.lease.address.unspecified() || r.lease.address.loopback())
        return err::inval;
    if (!options.has_mask) r.lease.prefix = class_prefix(r.lease.address);
    return r;
}

Result<PacketBox> make_dhcp(const DhcpQuestion& q) {
    constexpr u8 wanted[] = {option_mask, option_router, option_dns,   option_host_name, option_domain, option_mtu,
                             option_ntp,  option_server, option_renew, option_rebind,    option_seconds};
    u8 message[sizeof(Wire) + 128] = {};
    usize at = sizeof(Wire);
    auto put = [&](u8 code, Value v) {
        message[at] = code;
        message[at + 1] = static_cast<u8>(v.size());
        std::ranges::copy(v, message + at + 2);
        at += 2 + v.size();
    };
    auto put_address = [&](u8 code, const Address& a) {
        if (!a.unspecified()) put(code, Value{a.bytes}.last(4));
    };
    Wire w{.operation = operation_request,
           .transaction = q.transaction,
           .seconds = q.seconds,
           .flags = q.own == any_v4 ? answer_to_all : u16{0},
           .own = q.own.v4_value(),
           .client = q.client.bytes};
    std::memcpy(message, &w, sizeof w);
    const u8 type = static_cast<u8>(q.type), largest[] = {1472 >> 8, 1472 & 0xff};
    u8 id[7] = {hardware_ethernet};
    std::ranges::copy(q.client.bytes, id + 1);
    put(option_type, {&type, 1});
    put(option_client, id);
    put_address(option_requested, q.requested);
    put_address(option_server, q.server);
    if (q.type != DhcpType::release && q.type != DhcpType::decline) {
        put(option_largest, largest);
        put(option_wanted, wanted);
        auto* host = reinterpret_cast<const u8*>(q.host_name.data());
        if (!q.host_name.empty()) put(option_host_name, {host, std::min<usize>(q.host_name.size(), 63)});
    }
    message[at++] = option_end;
    usize size = std::max(at, least_size);
    auto p = TRY(Packet::create(size));
    std::memcpy(p->append_linear(size).data(), message, size);
    return p;
}
} // namespace net::inet
