// /proc/net/dev, if_inet6, arp and what else is about interfaces.
#include "fs/proc/net/net.h"
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

namespace proc {
using namespace net;
using namespace net::inet;

namespace {
/// A record is the heading, then each interface: `at` is one more than the number of the one before.
template <class F>
Result<bool> for_interfaces(Writer& out, const Context& c, u64& at, std::string_view heading, F f) {
    Stack& stack = *TRY(stack_of(c));
    if (at == 0) {
        out.write(heading);
        at = 1;
        return true;
    }
    auto i = stack.next(static_cast<u32>(at - 1));
    if (!i) return false;
    at = u64{i->index()} + 1;
    auto name = stack.name_of(*i);
    if constexpr (std::is_void_v<decltype(f(stack, *i, name.view()))>)
        f(stack, *i, name.view());
    else
        TRY(f(stack, *i, name.view()));
    return true;
}

void print_hex(Writer& out, std::span<const u8> bytes) {
    for (u8 b : bytes) print(out, "{:02x}", b);
}
u32 as_read(const Address& v4) { return std::byteswap(v4.v4_value()); } // of the four bytes, as this machine reads them
} // namespace

Result<bool> print_devices(Writer& to, const Context& c, u64& at) {
    constexpr std::string_view heading =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
        "carrier "
        "compressed\n";
    return for_interfaces(to, c, at, heading, [&](Stack&, Interface& i, std::string_view name) {
        const auto& n = i.counters;
        print(to, "{:>6}: {:7} {:7} {:4} {:4} {:4} {:5} {:10} {:9} {:8} {:7} {:4} {:4} {:4} {:5} {:7} {:10}\n", name,
              n.bytes_in.load(), n.packets_in.load(), n.errors_in.load(), n.dropped_in.load(), 0, 0, 0,
              n.multicast.load(), n.bytes_out.load(), n.packets_out.load(), n.errors_out.load(), n.dropped_out.load(),
              0, 0, 0, 0);
    });
}

Result<bool> print_v6_addresses(Writer& to, const Context& c, u64& at) {
    return for_interfaces(to, c, at, "", [&](Stack& stack, Interface& i, std::string_view name) -> Result<> {
        for (const auto& a : TRY(stack.addresses_of(i))) {
            if (a.address.is_v4()) continue;
            // IPV6_ADDR_LOOPBACK, IPV6_ADDR_LINKLOCAL, 0: global.
            unsigned scope = a.address.loopback() ? 0x10 : a.address.link_local() ? 0x20 : 0;
            print_hex(to, a.address.bytes);
            print(to, " {:02x} {:02x} {:02x} {:02x} {:>8}\n", i.index(), a.prefix, scope, a.flags & 0xff, name);
        }
        return {};
    });
}

Result<bool> print_neighbours(Writer& to, const Context& c, u64& at) {
    constexpr std::string_view heading =
        "IP address       HW type     Flags       HW address            Mask     Device\n";
    return for_interfaces(to, c, at, heading, [&](Stack&, Interface& i, std::string_view name) -> Result<> {
        for (const auto& n : TRY(i.neighbours())) {
            if (!n.address.is_v4()) continue;
            bool known = n.state != Reachability::incomplete && n.state != Reachability::failed;
            unsigned flags = (known ? ATF_COM : 0) | (n.state == Reachability::permanent ? ATF_PERM : 0);
            char text[16];
            BufferWriter address{text};
            u32 a = n.address.v4_value();
            print(address, "{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
            print(to, "{:<16} 0x{:<10x}0x{:<10x}", address.text(), i.type(), flags);
            for (unsigned b = 0; b < 6; b++) print(to, "{}{:02x}", b ? ":" : "", known ? n.link.bytes[b] : 0);
            print(to, "     *        {}\n", name);
        }
        return {};
    });
}

Result<bool> print_groups(Writer& to, const Context& c, u64& at) {
    constexpr std::string_view heading = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n";
    return for_interfaces(to, c, at, heading, [&](Stack&, Interface& i, std::string_view name) {
        if (!i.up()) return;
        print(to, "{}\t{:<10}: {:5} {:>7}\n", i.index(), name, 1, "V3");
        print(to, "\t\t\t\t{:08X} {:5} 0:{:08X}\t\t0\n", as_read(Address::v4(224, 0, 0, 1)), 1, 0);
    });
}

Result<bool> print_v6_groups(Writer& to, const Context& c, u64& at) {
    return for_interfaces(to, c, at, "", [&](Stack&, Interface& i, std::string_view name) {
        if (!i.up()) return;
        auto line = [&](const Address& group, unsigned flags) {
            print(to, "{:<4} {:<15} ", i.index(), name);
            print_hex(to, group.bytes);
            print(to, " {:5} {:08X} 0\n", 1, flags);
        };
        line(Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1}), 0xc);
        line(Address::v6({0xff01, 0, 0, 0, 0, 0, 0, 1}), 0x8);
    });
}

Result<bool> print_link_groups(Writer& to, const Context& c, u64& at) {
    return for_interfaces(to, c, at, "", [&](Stack&, Interface& i, std::string_view name) {
        if (!i.up() || i.type() != ARPHRD_ETHER) return;
        auto line = [&](const Address& group) {
            print(to, "{:<4} {:<15} {:<5} {:<5} ", i.index(), name, 1, 0);
            print_hex(to, link_multicast(group).bytes);
            to.write("\n");
        };
        line(Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1}));
        line(Address::v4(224, 0, 0, 1));
    });
}
} // namespace proc
