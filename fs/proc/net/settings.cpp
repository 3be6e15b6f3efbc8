// /proc/sys/net: what can be set of the reader's network, and of the machine's sockets.
#include "fs/proc/net/net.h"
#include "kernel/socket/options.h"
#include "lib/numbers.h"
#include "net/inet/tcp/congestion.h"

namespace proc {
using net::inet::Settings, net::inet::Stack;

namespace {
constexpr u32 text = S_IFREG | 0444, setting = S_IFREG | 0644, directory = S_IFDIR | 0555;

/// As on Linux: who reads or writes means the network that it is in itself.
Result<Settings*> settings_of(const Context& c) { return &TRY(Stack::in(*reader_view(c).network))->settings; }

/// Numbers with blanks between them. err::inval: other characters, or too few.
template <usize n>
Result<> parse(std::string_view s, u32 (&to)[n]) {
    for (u32& number : to) {
        usize begin = s.find_first_not_of(" \t");
        if (begin == std::string_view::npos) return err::inval;
        s.remove_prefix(begin);
        auto word = s.substr(0, s.find_first_of(" \t"));
        auto parsed = parse_number<u32>(word);
        if (!parsed) return err::inval;
        number = *parsed;
        s.remove_prefix(word.size());
    }
    return {};
}

template <class T>
std::atomic<T>& member(Settings& s, std::atomic<T> Settings::* which) {
    return s.*which;
}
template <class T>
std::atomic<T>& member(Settings& s, std::atomic<T> Settings::Tcp::* which) {
    return s.tcp.*which;
}
template <auto which>
Result<> print_number(Writer& out, const Context& c) {
    print(out, "{}\n", static_cast<u32>(member(*TRY(settings_of(c)), which).load()));
    return {};
}
template <auto which, u32 least, u32 most>
Result<> store_number(std::string_view s, const Context& c) {
    u32 wanted[1];
    TRY(parse(s, wanted));
    if (wanted[0] < least || wanted[0] > most) return err::inval;
    auto& to = member(*TRY(settings_of(c)), which);
    to = static_cast<std::remove_reference_t<decltype(to.load())>>(wanted[0]);
    return {};
}
/// One number. Of a switch every number but 0 turns it on.
template <auto which, u32 least = 0, u32 most = 255>
constexpr Item number(std::string_view name) {
    return {.name = name, .mode = setting, .try_print = print_number<which>, .store = store_number<which, least, most>};
}
template <auto value>
void print_fixed(Writer& out, const Context&) {
    print(out, "{}\n", value);
}
template <auto value>
constexpr Item fixed(std::string_view name) {
    return {.name = name, .mode = text, .print = print_fixed<value>};
}

Result<> print_ports(Writer& out, const Context& c) {
    Settings& s = *TRY(settings_of(c));
    print(out, "{}\t{}\n", s.first_port.load(), s.last_port.load());
    return {};
}
Result<> store_ports(std::string_view text, const Context& c) {
    u32 range[2];
    TRY(parse(text, range));
    Settings& s = *TRY(settings_of(c));
    if (!range[0] || range[1] > 65535 || range[1] < range[0] || range[0] < s.first_unprivileged_port) return err::inval;
    s.first_port = range[0];
    s.last_port = range[1];
    return {};
}
Result<> store_first_unprivileged_port(std::string_view text, const Context& c) {
    u32 first[1];
    TRY(parse(text, first));
    Settings& s = *TRY(settings_of(c));
    if (first[0] > 65535 || first[0] > s.first_port) return err::inval;
    s.first_unprivileged_port = first[0];
    return {};
}

Result<> print_ping_groups(Writer& out, const Context& c) {
    Settings& s = *TRY(settings_of(c));
    print(out, "{}\t{}\n", s.first_ping_group.load(), s.last_ping_group.load());
    return {};
}
Result<> store_ping_groups(std::string_view text, const Context& c) {
    u32 range[2];
    TRY(parse(text, range));
    if (range[0] > 0x7fff'ffff || range[1] > 0x7fff'ffff) return err::inval;
    bool nobody = range[1] < range[0];
    Settings& s = *TRY(settings_of(c));
    s.first_ping_group = nobody ? 1 : range[0];
    s.last_ping_group = nobody ? 0 : range[1];
    return {};
}

using Size = std::atomic<u32> Settings::Tcp::*;
template <Size least, Size usual, Size most>
Result<> print_sizes(Writer& out, const Context& c) {
    auto& t = TRY(settings_of(c))->tcp;
    print(out, "{}\t{}\t{}\n", (t.*least).load(), (t.*usual).load(), (t.*most).load());
    return {};
}
template <Size least, Size usual, Size most>
Result<> store_sizes(std::string_view text, const Context& c) {
    u32 sizes[3];
    TRY(parse(text, sizes));
    for (u32 size : sizes)
        if (!size || size > 0x7fff'ffff) return err::inval;
    auto& t = TRY(settings_of(c))->tcp;
    t.*least = sizes[0], t.*usual = sizes[1], t.*most = sizes[2];
    return {};
}

Result<> print_congestion_control(Writer& out, const Context& c) {
    print(out, "{}\n", net::tcp::congestion_controls()[TRY(settings_of(c))->tcp.congestion]->name());
    return {};
}
Result<> store_congestion_control(std::string_view name, const Context& c) {
    auto all = net::tcp::congestion_controls();
    for (usize i = 0; i < all.size(); i++)
        if (all[i]->name() == name) return TRY(settings_of(c))->tcp.congestion = static_cast<u8>(i), Result<>{};
    return err::noent;
}
void print_congestion_controls(Writer& out, const Context&) {
    bool first = true;
    for (auto* control : net::tcp::congestion_controls()) {
        print(out, "{}{}", first ? "" : " ", control->name());
        first = false;
    }
    out.write("\n");
}

using T = Settings::Tcp;
constexpr u32 most_int = 0x7fff'ffff;
constexpr Item v4_conf_list[] = {number<&Settings::forward_v4, 0, most_int>("forwarding"),
                                 fixed<0>("rp_filter"),
                                 fixed<1>("accept_local"),
                                 fixed<0>("accept_redirects"),
                                 fixed<0>("send_redirects"),
                                 fixed<0>("accept_source_route"),
                                 fixed<0>("log_martians")};
constexpr Items v4_conf{v4_conf_list};
constexpr Item v4_confs_list[] = {{.name = "all", .mode = directory, .children = &v4_conf},
                                  {.name = "default", .mode = directory, .children = &v4_conf}};
constexpr Items v4_confs{v4_confs_list};
constexpr Item v4_list[] = {
    {.name = "conf", .mode = directory, .children = &v4_confs},
    number<&Settings::ttl, 1, 255>("ip_default_ttl"),
    number<&Settings::forward_v4, 0, most_int>("ip_forward"),
    number<&Settings::nonlocal_bind>("ip_nonlocal_bind"),
    {.name = "ip_local_port_range", .mode = setting, .try_print = print_ports, .store = store_ports},
    {.name = "ip_unprivileged_port_start",
     .mode = setting,
     .try_print = print_number<&Settings::first_unprivileged_port>,
     .store = store_first_unprivileged_port},
    {.name = "ping_group_range", .mode = setting, .try_print = print_ping_groups, .store = store_ping_groups},
    number<&Settings::ignore_echo, 0, 1>("icmp_echo_ignore_all"),
    number<&Settings::ignore_broadcast_echo, 0, 1>("icmp_echo_ignore_broadcasts"),
    number<&T::syn_retries, 1, 127>("tcp_syn_retries"),
    number<&T::syn_ack_retries>("tcp_synack_retries"),
    number<&T::retries>("tcp_retries2"),
    number<&T::keep_idle_s, 0, most_int>("tcp_keepalive_time"),
    number<&T::keep_interval_s, 0, most_int>("tcp_keepalive_intvl"),
    number<&T::keep_count>("tcp_keepalive_probes"),
    number<&T::fin_timeout_s, 0, most_int>("tcp_fin_timeout"),
    number<&T::most_half_open, 0, most_int>("tcp_max_syn_backlog"),
    number<&T::most_time_wait, 0, most_int>("tcp_max_tw_buckets"),
    number<&T::most_orphans, 0, most_int>("tcp_max_orphans"),
    number<&T::sack>("tcp_sack"),
    number<&T::timestamps>("tcp_timestamps"),
    number<&T::scaling>("tcp_window_scaling"),
    number<&T::ecn, 0, 2>("tcp_ecn"),
    fixed<1>("tcp_ecn_fallback"),
    number<&T::frto>("tcp_frto"),
    number<&T::mtu_probing>("tcp_mtu_probing"),
    number<&T::base_mss, 48, 65535>("tcp_base_mss"),
    number<&T::reset_on_overflow>("tcp_abort_on_overflow"),
    {.name = "tcp_rmem",
     .mode = setting,
     .try_print = print_sizes<&T::receive_least, &T::receive_default, &T::receive_most>,
     .store = store_sizes<&T::receive_least, &T::receive_default, &T::receive_most>},
    {.name = "tcp_wmem",
     .mode = setting,
     .try_print = print_sizes<&T::send_least, &T::send_default, &T::send_most>,
     .store = store_sizes<&T::send_least, &T::send_default, &T::send_most>},
    {.name = "tcp_congestion_control",
     .mode = setting,
     .try_print = print_congestion_control,
     .store = store_congestion_control},
    {.name = "tcp_available_congestion_control", .mode = text, .print = print_congestion_controls},
    {.name = "tcp_allowed_congestion_control", .mode = text, .print = print_congestion_controls},
    fixed<1>("tcp_syncookies"),
    fixed<0>("tcp_fastopen"),
};
static_assert(std::size(v4_list) < 64, "item_number() has room for 64");
constexpr Items v4_items{v4_list};

Result<> store_disable_v6(std::string_view s, const Context& c) {
    TRY((store_number<&Settings::disable_v6, 0, 1>(s, c)));
    TRY(Stack::in(*reader_view(c).network))->settings_changed();
    return {};
}
constexpr Item v6_conf_list[] = {number<&Settings::forward_v6, 0, most_int>("forwarding"),
                                 {.name = "disable_ipv6",
                                  .mode = setting,
                                  .try_print = print_number<&Settings::disable_v6>,
                                  .store = store_disable_v6},
                                 number<&Settings::accept_advertisements, 0, 2>("accept_ra"),
                                 number<&Settings::autoconf, 0, 1>("autoconf"),
                                 number<&Settings::dad_probes, 0, 255>("dad_transmits"),
                                 number<&Settings::ttl, 1, 255>("hop_limit")};
constexpr Items v6_conf{v6_conf_list};
constexpr Item v6_confs_list[] = {{.name = "all", .mode = directory, .children = &v6_conf},
                                  {.name = "default", .mode = directory, .children = &v6_conf}};
constexpr Items v6_confs{v6_confs_list};
constexpr Item v6_list[] = {
    {.name = "conf", .mode = directory, .children = &v6_confs},
    number<&Settings::v6_only, 0, 1>("bindv6only"),
    number<&Settings::nonlocal_bind>("ip_nonlocal_bind"),
};
constexpr Items v6_items{v6_list};

/// A setting of the machine: only the host world changes it.
using SocketSetting = std::atomic<u32> sockets::Settings::*;
template <SocketSetting which>
void print_socket_setting(Writer& out, const Context&) {
    print(out, "{}\n", (sockets::settings.*which).load(std::memory_order_relaxed));
}
template <SocketSetting which, u32 least, u32 most>
Result<> store_socket_setting(std::string_view s, const Context& c) {
    u32 wanted[1];
    TRY(parse(s, wanted));
    if (wanted[0] < least || wanted[0] > most) return err::inval;
    if (!c.view->is_root()) return err::perm;
    sockets::settings.*which = wanted[0];
    return {};
}
template <SocketSetting which, u32 least, u32 most>
constexpr Item of_sockets(std::string_view name) {
    return {.name = name,
            .mode = setting,
            .print = print_socket_setting<which>,
            .store = store_socket_setting<which, least, most>};
}
using S = sockets::Settings;
constexpr Item core_list[] = {
    of_sockets<&S::most_pending, 0, ~0u>("somaxconn"),
    of_sockets<&S::send_default, 4608, ~0u / 2>("wmem_default"),
    of_sockets<&S::send_most, 4608, ~0u / 2>("wmem_max"),
    of_sockets<&S::receive_default, 2304, ~0u / 2>("rmem_default"),
    of_sockets<&S::receive_most, 2304, ~0u / 2>("rmem_max"),
    fixed<sockets::most_control>("optmem_max"),
};
constexpr Items core_items{core_list};
constexpr Item unix_list[] = {of_sockets<&S::most_datagrams, 0, ~0u / 2>("max_dgram_qlen")};
constexpr Items unix_items{unix_list};
constexpr Item list[] = {{.name = "core", .mode = directory, .children = &core_items},
                         {.name = "ipv4", .mode = directory, .children = &v4_items},
                         {.name = "ipv6", .mode = directory, .children = &v6_items},
                         {.name = "unix", .mode = directory, .children = &unix_items}};
} // namespace

constinit const Items net_settings_items{list};
} // namespace proc
