// /proc/net/route, ipv6_route.
#include "fs/proc/net/net.h"
#include <linux/ipv6_route.h>
#include <linux/route.h>

namespace proc {
using namespace net;
using namespace net::inet;

namespace {
constexpr usize many = 256; // routes in a record
constexpr usize v4_width = 127;
constexpr u32 route_local = 0x8000'0000, no_next_hop = 0x0020'0000; // RTF_LOCAL, RTF_NONEXTHOP

u32 as_read(u32 v4) { return std::byteswap(v4); } // of the four bytes, as this machine reads them
bool rejects(const Route& r) { return r.kind >= RouteKind::unreachable; }

FixedString<IFNAMSIZ - 1> interface_of(Stack& stack, const Route& r) {
    auto i = stack.find(r.interface);
    return i ? stack.name_of(*i) : FixedString<IFNAMSIZ - 1>{"*"};
}

void print_v4(Writer& out, Stack& stack, const Route& r) {
    unsigned length = r.destination.length - 96u;
    u32 mask = length ? ~u32{0} << (32 - length) : 0;
    unsigned flags = RTF_UP | (r.gateway.unspecified() ? 0 : RTF_GATEWAY) | (mask == ~u32{0} ? RTF_HOST : 0) |
                     (rejects(r) ? RTF_REJECT : 0);
    PaddedLine line{out, v4_width};
    print(line, "{}\t{:08X}\t{:08X}\t{:04X}\t{}\t{}\t{}\t{:08X}\t{}\t{}\t{}", interface_of(stack, r).view(),
          as_read(r.destination.address.v4_value()), r.gateway.unspecified() ? 0 : as_read(r.gateway.v4_value()), flags,
          0, 0, r.metric, as_read(mask), r.mtu, 0, 0);
}

void print_hex(Writer& out, const Address& a) {
    for (u8 b : a.bytes) print(out, "{:02x}", b);
}
void print_v6(Writer& out, Stack& stack, const Route& r) {
    u32 flags = RTF_UP | (r.gateway.unspecified() ? 0 : RTF_GATEWAY) | (rejects(r) ? RTF_REJECT : 0);
    if (r.kind == RouteKind::local) flags |= route_local | no_next_hop;
    print_hex(out, r.destination.address);
    print(out, " {:02x} ", r.destination.length);
    print_hex(out, any_v6);
    out.write(" 00 ");
    print_hex(out, r.gateway.unspecified() ? any_v6 : r.gateway);
    print(out, " {:08x} {:08x} {:08x} {:08x} {:>8}\n", r.metric, 1, 0, flags, interface_of(stack, r).view());
}

/// A record is `many` routes of both families, of which one is printed; `at` counts those that have been passed.
template <class Print>
Result<bool> print_routes(const Context& c, u64& at, Print print_one) {
    Stack& stack = *TRY(stack_of(c));
    Vector<Route> some;
    TRY(some.resize(many));
    usize n = stack.routes(at, some);
    for (const Route& r : std::span{some.data(), n}) print_one(stack, r);
    at += n;
    return n == many;
}
} // namespace

Result<bool> print_v4_routes(Writer& out, const Context& c, u64& at) {
    if (at == 0)
        PaddedLine{out, v4_width}.write(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    return print_routes(c, at, [&](Stack& stack, const Route& r) {
        bool in_main = r.kind == RouteKind::unicast || rejects(r);
        if (r.destination.address.is_v4() && r.destination.length >= 96 && in_main) print_v4(out, stack, r);
    });
}

Result<bool> print_v6_routes(Writer& out, const Context& c, u64& at) {
    return print_routes(c, at, [&](Stack& stack, const Route& r) {
        if (!r.destination.address.is_v4() || r.destination.length < 96) print_v6(out, stack, r);
    });
}
} // namespace proc
