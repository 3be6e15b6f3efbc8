#include "net/inet/socket/interface_ioctl.h"
#include "core/mm/user.h"
#include "kernel/socket/numbers.h"
#include "lib/vector.h"
#include <algorithm>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/in.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/socket.h>

namespace net::inet {
using namespace sockets;

namespace {
constexpr short default_queue_length = 1000;

sockaddr shown(const Address& a) {
    sockaddr_in in{};
    in.sin_family = af_inet;
    in.sin_addr.s_addr = std::byteswap(a.is_v4() ? a.v4_value() : 0);
    return std::bit_cast<sockaddr>(in);
}
Result<Address> address_in(const sockaddr& from) {
    auto in = std::bit_cast<sockaddr_in>(from);
    if (in.sin_family != af_inet) return err::inval;
    return Address::v4(std::byteswap(in.sin_addr.s_addr));
}
Address mask_of(unsigned bits) { return Address::v4(bits ? ~u32{0} << (32 - bits) : 0); }
/// err::inval: ones behind a zero.
Result<unsigned> bits_of(const Address& mask) {
    u32 value = mask.v4_value();
    if (~value & (~value + 1)) return err::inval;
    return static_cast<unsigned>(std::popcount(value));
}
/// Of the class that an address is in, as ifconfig(8) without a mask means it.
unsigned class_bits(const Address& a) {
    u32 first = a.v4_value() >> 24;
    return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32;
}

/// What the user's struct ifreq says, and what is written back.
struct Request {
    ifreq of;
    Ref<Interface> interface;
    std::string_view name() { return std::string_view{of.ifr_name}; }
    Result<> load(Stack& stack, uptr at) {
        of = TRY(copy_in(UserPtr<const ifreq>{at}));
        of.ifr_name[IFNAMSIZ - 1] = 0;
        interface = stack.find(name());
        return interface ? Result<>{} : Result<>{err::nodev};
    }
    Result<i64> store(uptr at) const {
        TRY(arch::copy_out(at, &of, sizeof of));
        return 0;
    }
};

/// The first address of IPv4; SIOCSIFNETMASK and its like change that one.
std::optional<InterfaceAddress> first_address(Stack& stack, const Interface& wanted) {
    std::optional<InterfaceAddress> found;
    stack.for_each_interface([&](const Interface& i) {
        if (&i != &wanted) return;
        for (const auto& a : i.addresses)
            if (a.address.is_v4() && !found) found = a;
    });
    return found;
}

/// SIOCGIFCONF: all addresses of IPv4.
Result<i64> list(Stack& stack, uptr argument) {
    auto conf = TRY(copy_in(UserPtr<const ifconf>{argument}));
    usize count = 0;
    stack.for_each_interface([&](const Interface& i) {
        for (const auto& a : i.addresses) count += a.address.is_v4();
    });
    uptr to = reinterpret_cast<uptr>(conf.ifc_buf);
    usize room = conf.ifc_len < 0 ? 0 : static_cast<usize>(conf.ifc_len) / sizeof(ifreq), n = 0;
    if (to) {
        Vector<ifreq> told;
        TRY(told.resize(std::min(count, room)));
        stack.for_each_interface([&](const Interface& i) {
            for (const auto& a : i.addresses) {
                if (!a.address.is_v4() || n == told.size()) continue;
                auto name = i.name.view();
                name.copy(told[n].ifr_name, name.size());
                told[n++].ifr_addr = shown(a.address);
            }
        });
        if (n) TRY(arch::copy_out(to, told.data(), n * sizeof(ifreq)));
    } else {
        n = count;
    }
    TRY(copy_out(UserPtr<int>{argument}, static_cast<int>(n * sizeof(ifreq))));
    return 0;
}

Result<i64> name_of(Stack& stack, uptr argument) {
    auto asked = TRY(copy_in(UserPtr<const ifreq>{argument}));
    auto interface = stack.find(static_cast<u32>(asked.ifr_ifindex));
    if (!interface) return err::nodev;
    std::memset(asked.ifr_name, 0, IFNAMSIZ);
    auto name = interface->name.view();
    name.copy(asked.ifr_name, name.size());
    TRY(arch::copy_out(argument, &asked, sizeof asked));
    return 0;
}

/// What every socket is told of an interface. err::notty: it is not this that was asked.
Result<> tell(Request& r, unsigned request) {
    const Interface& i = *r.interface;
    switch (request) {
    case SIOCGIFFLAGS: r.of.ifr_flags = static_cast<short>(i.flags()); return {};
    case SIOCGIFINDEX: r.of.ifr_ifindex = static_cast<int>(i.index()); return {};
    case SIOCGIFMTU: r.of.ifr_mtu = static_cast<int>(i.mtu()); return {};
    case SIOCGIFMETRIC: r.of.ifr_metric = 0; return {};
    case SIOCGIFTXQLEN: r.of.ifr_qlen = default_queue_length; return {};
    case SIOCGIFMAP: r.of.ifr_map = {}; return {};
    case SIOCGIFHWADDR: {
        sockaddr link{};
        link.sa_family = i.type();
        std::memcpy(link.sa_data, i.link_address().bytes.data(), 6);
        r.of.ifr_hwaddr = link;
        return {};
    }
    default: return err::notty;
    }
}

Result<> tell_address(Stack& stack, Request& r, unsigned request) {
    auto a = first_address(stack, *r.interface);
    if (!a) return err::addrnotavail;
    switch (request) {
    case SIOCGIFADDR: r.of.ifr_addr = shown(a->address); return {};
    case SIOCGIFBRDADDR: r.of.ifr_broadaddr = shown(a->broadcast); return {};
    case SIOCGIFDSTADDR: r.of.ifr_dstaddr = shown(a->peer.unspecified() ? a->address : a->peer); return {};
    default: r.of.ifr_netmask = shown(mask_of(a->prefix)); return {};
    }
}

Address broadcast_of(const Interface& i, const Address& a, unsigned bits) {
    if (!(i.flags() & IFF_BROADCAST) || bits > 30) return any_v4;
    return Prefix::of(a, bits).last();
}

/// SIOCSIFADDR and its relatives: the address is taken away and comes back changed.
Result<> change_address(Stack& stack, Request& r, unsigned request) {
    Address says = TRY(address_in(r.of.ifr_addr));
    Interface& i = *r.interface;
    auto before = first_address(stack, i);
    if (!before && request != SIOCSIFADDR) return err::addrnotavail;
    InterfaceAddress a = before.value_or(InterfaceAddress{.flags = IFA_F_PERMANENT});
    switch (request) {
    case SIOCSIFADDR:
        if (!says.unspecified() && (says.multicast() || says.broadcast())) return err::inval;
        if (before && before->address == says) return {};
        a = {.address = says,
             .prefix = static_cast<u8>(class_bits(says)),
             .scope = static_cast<u8>(says.loopback() ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE),
             .flags = IFA_F_PERMANENT};
        a.broadcast = broadcast_of(i, says, a.prefix);
        break;
    case SIOCSIFNETMASK:
        a.prefix = static_cast<u8>(TRY(bits_of(says)));
        a.broadcast = broadcast_of(i, a.address, a.prefix);
        break;
    case SIOCSIFBRDADDR: a.broadcast = says; break;
    default: a.peer = says; break;
    }
    if (before) TRY(stack.remove(i, before->address, before->prefix));
    return says.unspecified() && request == SIOCSIFADDR ? Result<>{} : stack.add(i, a);
}

Result<> change(Stack& stack, Request& r, unsigned request) {
    switch (request) {
    case SIOCSIFFLAGS: return stack.set_flags(*r.interface, static_cast<u16>(r.of.ifr_flags), IFF_UP);
    case SIOCSIFMTU:
        if (r.of.ifr_mtu < 0) return err::inval;
        return stack.set_mtu(*r.interface, static_cast<u32>(r.of.ifr_mtu));
    case SIOCSIFMETRIC:
    case SIOCSIFHWADDR: return err::opnotsupp;
    case SIOCSIFTXQLEN: return r.of.ifr_qlen < 0 ? Result<>{err::inval} : Result<>{};
    default: return change_address(stack, r, request);
    }
}

/// SIOCADDRT, SIOCDELRT: route(8).
Result<i64> change_route(Stack& stack, bool adds, uptr argument) {
    auto asked = TRY(copy_in(UserPtr<const rtentry>{argument}));
    Address to = TRY(address_in(asked.rt_dst));
    unsigned bits = 32;
    if (!(asked.rt_flags & RTF_HOST)) {
        if (asked.rt_genmask.sa_family != af_inet && asked.rt_genmask.sa_family) return err::inval;
        auto mask = std::bit_cast<sockaddr_in>(asked.rt_genmask);
        bits = TRY(bits_of(Address::v4(std::byteswap(mask.sin_addr.s_addr))));
    }
    Route route{.destination = Prefix::of(to, bits),
                .metric = static_cast<u32>(std::max<int>(asked.rt_metric - 1, 0)),
                .scope = RT_SCOPE_LINK,
                .protocol = RTPROT_BOOT};
    if (route.destination.address != to) return err::inval;
    if (asked.rt_flags & RTF_REJECT) route.kind = RouteKind::unreachable;
    if (asked.rt_dev) {
        char name[IFNAMSIZ]{};
        TRY(arch::copy_in(name, reinterpret_cast<uptr>(asked.rt_dev), sizeof name - 1));
        auto interface = stack.find(std::string_view{name});
        if (!interface) return err::nodev;
        route.interface = interface->index();
    }
    if (asked.rt_flags & RTF_GATEWAY) {
        route.gateway = TRY(address_in(asked.rt_gateway));
        route.scope = RT_SCOPE_UNIVERSE;
        auto way = stack.route(route.gateway, {}, route.interface);
        if (adds && (!way || way->kind != RouteKind::unicast)) return err::netunreach;
        if (adds) route.interface = way->out->index();
    }
    if (adds && !route.interface && route.kind == RouteKind::unicast) return err::nodev;
    TRY(adds ? stack.add(route) : stack.remove(route));
    return 0;
}

/// The two that everybody asks: is there a link, and whose driver is it.
Result<i64> tell_ethtool(const Request& r) {
    uptr at = reinterpret_cast<uptr>(r.of.ifr_data);
    u32 command = TRY(copy_in(UserPtr<const u32>{at}));
    if (command == ETHTOOL_GLINK) {
        ethtool_value told{command, (r.interface->flags() & IFF_RUNNING) != 0};
        TRY(arch::copy_out(at, &told, sizeof told));
        return 0;
    }
    if (command != ETHTOOL_GDRVINFO || r.interface->loopback()) return err::opnotsupp;
    ethtool_drvinfo told{};
    told.cmd = command;
    constexpr std::string_view driver = "virtio_net";
    driver.copy(told.driver, driver.size());
    TRY(arch::copy_out(at, &told, sizeof told));
    return 0;
}

enum class Asks : u8 { nothing, list, name, interface, address, change, route, ethtool };
Asks kind_of(unsigned request) {
    switch (request) {
    case SIOCGIFCONF: return Asks::list;
    case SIOCGIFNAME: return Asks::name;
    case SIOCGIFFLAGS:
    case SIOCGIFINDEX:
    case SIOCGIFMTU:
    case SIOCGIFMETRIC:
    case SIOCGIFTXQLEN:
    case SIOCGIFMAP:
    case SIOCGIFHWADDR: return Asks::interface;
    case SIOCGIFADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFNETMASK: return Asks::address;
    case SIOCSIFFLAGS:
    case SIOCSIFMTU:
    case SIOCSIFMETRIC:
    case SIOCSIFHWADDR:
    case SIOCSIFTXQLEN:
    case SIOCSIFADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFNETMASK: return Asks::change;
    case SIOCADDRT:
    case SIOCDELRT: return Asks::route;
    case SIOCETHTOOL: return Asks::ethtool;
    default: return Asks::nothing;
    }
}
bool is_ipv4s(unsigned request) {
    return kind_of(request) == Asks::address || request == SIOCSIFADDR || request == SIOCSIFBRDADDR ||
           request == SIOCSIFDSTADDR || request == SIOCSIFNETMASK || kind_of(request) == Asks::route;
}
} // namespace

Result<i64> interface_ioctl(Stack& stack, int domain, bool administers, unsigned request, uptr argument) {
    Asks asks = kind_of(request);
    if (asks == Asks::nothing || (domain != af_inet && is_ipv4s(request))) return err::notty;
    if (asks == Asks::list) return list(stack, argument);
    if (asks == Asks::name) return name_of(stack, argument);
    if ((asks == Asks::change || asks == Asks::route) && !administers) return err::perm;
    if (asks == Asks::route) return change_route(stack, request == SIOCADDRT, argument);
    Request r;
    TRY(r.load(stack, argument));
    switch (asks) {
    case Asks::interface: TRY(tell(r, request)); break;
    case Asks::address: TRY(tell_address(stack, r, request)); break;
    case Asks::ethtool: return tell_ethtool(r);
    default: TRY(change(stack, r, request)); return 0;
    }
    return r.store(argument);
}
} // namespace net::inet
