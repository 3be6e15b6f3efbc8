// class/net, and devices/virtual/net, where its links lead: the interfaces of the network of who has mounted it.
#include "fs/sys/net.h"
#include "net/inet/stack/stack.h"

namespace sysfs {
namespace {
using net::inet::Interface, net::inet::Stack;
using pseudo::Context, pseudo::Item, pseudo::Items;
constexpr u32 directory_mode = S_IFDIR | 0755;

Result<Stack*> stack_of(const Context& c) { return Stack::in(*c.view->network); }
/// The one that a directory is about: by its number. err::noent: it is gone.
Result<Ref<Interface>> interface_of(const Context& c) {
    auto i = TRY(stack_of(c))->find(static_cast<u32>(c.number));
    return i ? Result<Ref<Interface>>{std::move(i)} : err::noent;
}

template <auto value>
Result<> print_number(Writer& out, const Context& c) {
    print(out, "{}\n", static_cast<u64>(value(*TRY(interface_of(c)))));
    return {};
}
template <auto value>
constexpr Item number(std::string_view name) {
    return {.name = name, .mode = S_IFREG | 0444, .try_print = print_number<value>, .size = page_size};
}
constexpr Item text(std::string_view name, Result<> (*print)(Writer&, const Context&)) {
    return {.name = name, .mode = S_IFREG | 0444, .try_print = print, .size = page_size};
}
template <auto counter>
constexpr Item count(std::string_view name) {
    return number<[](Interface& i) { return (i.counters.*counter).load(); }>(name);
}
template <auto value>
constexpr Item fixed(std::string_view name) {
    return number<[](Interface&) { return value; }>(name);
}

void print_link(Writer& out, const net::LinkAddress& a) {
    for (usize i = 0; i < a.bytes.size(); i++) print(out, "{}{:02x}", i ? ":" : "", a.bytes[i]);
    out.write("\n");
}
Result<> print_address(Writer& out, const Context& c) {
    print_link(out, TRY(interface_of(c))->link_address());
    return {};
}
Result<> print_broadcast(Writer& out, const Context& c) {
    print_link(out, TRY(interface_of(c))->loopback() ? net::LinkAddress{} : net::link_broadcast);
    return {};
}
bool runs(Interface& i) { return i.up() && i.flags() & IFF_RUNNING; }
Result<> print_state(Writer& out, const Context& c) {
    auto i = TRY(interface_of(c));
    out.write(i->loopback() ? "unknown\n" : runs(*i) ? "up\n" : "down\n");
    return {};
}
/// Of an interface that is down nobody knows.
Result<> print_carrier(Writer& out, const Context& c) {
    auto i = TRY(interface_of(c));
    if (!i->up()) return err::inval;
    out.write(runs(*i) ? "1\n" : "0\n");
    return {};
}
Result<> print_flags(Writer& out, const Context& c) {
    print(out, "0x{:x}\n", TRY(interface_of(c))->flags() & ~u32{IFF_RUNNING});
    return {};
}
Result<> print_unknown(Writer&, const Context&) { return err::inval; }
Result<> print_event(Writer& out, const Context& c) {
    auto i = TRY(interface_of(c));
    print(out, "INTERFACE={}\nIFINDEX={}\n", i->stack().name_of(*i).view(), i->index());
    return {};
}

using N = Interface::Counters;
constexpr Item statistics_list[] = {
    count<&N::packets_in>("rx_packets"),  count<&N::bytes_in>("rx_bytes"),
    count<&N::errors_in>("rx_errors"),    count<&N::dropped_in>("rx_dropped"),
    count<&N::packets_out>("tx_packets"), count<&N::bytes_out>("tx_bytes"),
    count<&N::errors_out>("tx_errors"),   count<&N::dropped_out>("tx_dropped"),
    count<&N::multicast>("multicast"),    fixed<0>("collisions"),
};
constexpr Items statistics{statistics_list};
constexpr Item interface_list[] = {
    text("address", print_address),
    text("broadcast", print_broadcast),
    text("operstate", print_state),
    text("carrier", print_carrier),
    text("flags", print_flags),
    text("uevent", print_event),
    text("speed", print_unknown),
    text("duplex", print_unknown),
    number<[](Interface& i) { return i.index(); }>("ifindex"),
    number<[](Interface& i) { return i.index(); }>("iflink"),
    number<[](Interface& i) { return i.mtu(); }>("mtu"),
    number<[](Interface& i) { return i.type(); }>("type"),
    fixed<6>("addr_len"),
    fixed<1000>("tx_queue_len"),
    fixed<0>("link_mode"),
    fixed<0>("dormant"),
    {.name = "statistics", .mode = directory_mode, .children = &statistics},
};

Result<String> name_target(const Context& c) {
    auto i = TRY(interface_of(c));
    auto name = i->stack().name_of(*i);
    char buffer[64];
    BufferWriter out{buffer};
    print(out, "../../devices/virtual/net/{}", name.view());
    return String::create(out.text());
}
constexpr Item link_item{.name = "", .mode = S_IFLNK | 0777, .target = name_target};

/// The interfaces by their names: directories, or links to those.
class InterfacesDirectory final : public pseudo::Inode, public vfs::Directory {
public:
    InterfacesDirectory(vfs::Superblock& sb, const Context& c, u64 number, bool links)
        : Inode{sb, number, directory_mode, c}, links_{links} {}
    vfs::Directory* directory() override { return this; }
    bool volatile_names() const override { return true; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
        auto i = TRY(stack_of(context_))->find(name);
        if (!i) return err::noent;
        Context c = context_;
        c.number = static_cast<int>(i->index());
        u64 place = number_of(i->index());
        if (links_) return pseudo::make_item(superblock(), link_item, c, place);
        return TRY(make_ref<pseudo::ItemDirectory>(superblock(), place, directory_mode, std::move(c), interface_list));
    }
    Result<> read(DirectorySink& to, u64* at) override {
        constexpr u64 first = 2; // behind . and ..
        Stack& stack = *TRY(stack_of(context_));
        *at = std::max(*at, first);
        while (auto i = stack.next(static_cast<u32>(*at - first))) {
            u64 behind = first + i->index();
            auto type = file::entry_type(links_ ? S_IFLNK : S_IFDIR);
            if (!to.entry(stack.name_of(*i), number_of(i->index()), type, behind)) break;
            *at = behind;
        }
        return {};
    }

private:
    u64 number_of(u32 index) const { return (number() << 24) + index; }
    const bool links_;
};
} // namespace

Result<Ref<vfs::Inode>> make_net_class(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<InterfacesDirectory>(sb, c, number, true));
}
Result<Ref<vfs::Inode>> make_net_devices(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<InterfacesDirectory>(sb, c, number, false));
}
} // namespace sysfs
