#include "net/inet/stack/start.h"
#include "core/log/log.h"
#include "kernel/views/view.h"
#include "lib/errno.h"
#include "net/inet/stack/dhcp_interface.h"
#include "net/inet/stack/ip_word.h"
#include "net/inet/stack/name_servers.h"
#include "net/inet/stack/slaac_interface.h"
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
void tell(const DeviceInterface& i, const Device& d) {
    const auto& b = d.address().bytes;
    log(LogLevel::info, "{}: {}, {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}, MTU {}", i.name.view(), d.driver(), b[0],
        b[1], b[2], b[3], b[4], b[5], i.mtu());
}
constexpr u64 patience_ns = 10'000'000'000;

/// The word's, or what stands for it.
IpWord choose(std::optional<std::string_view> ip) {
    auto word = parse_ip_word(ip.value_or(""));
    if (word) return *word;
    log(LogLevel::warning, "ip={}: {}", *ip, errno_text(word.error()));
    return {.method = IpWord::Method::none};
}

Result<> set_up(EthernetInterface& i, const IpWord& word, bool wait) {
    TRY(i.stack().set_flags(i, IFF_UP, IFF_UP));
    if (word.method == IpWord::Method::fixed) {
        NameServers::of_machine().set(i.index(), NameServers::Teller::command_line, word.dns);
        return configure(i, {word.client, word.gateway, word.prefix, RTPROT_BOOT});
    }
    auto* dhcp = TRY(make<DhcpInterface>(i, word.host_name)).release(); // for ever
    dhcp->start();
    if (wait && !dhcp->wait(patience_ns)) log(LogLevel::warning, "{}: DHCP: nobody has answered yet", i.name.view());
    return {};
}

/// Those that the word means: the one that it names; without a name the first one for an address, all for DHCP.
Result<> set_up_all(Stack& stack, std::optional<std::string_view> ip) {
    IpWord word = choose(ip);
    if (word.method == IpWord::Method::none) return {};
    if (!word.host_name.empty()) View::root().uts->set_host(word.host_name);
    bool any = false;
    for (u32 n = stack.loopback().index() + 1; auto found = stack.find(n); n++) {
        if (!word.device.empty() && found->name.view() != word.device) continue;
        if (any && word.method == IpWord::Method::fixed) break;
        any = true;
        TRY(set_up(static_cast<EthernetInterface&>(*found), word, ip.has_value()));
    }
    if (!any) log(LogLevel::warning, "ip=: there is no interface {}", word.device);
    return {};
}
} // namespace

Result<> start_network(std::optional<std::string_view> ip) {
    if (!next_device(nullptr)) return {};
    Stack& stack = *TRY(Stack::in(*View::root().network));
    for (Device* d = next_device(nullptr); d; d = next_device(d)) {
        auto made = TRY(make_ref<DeviceInterface>(stack, "eth%d", *d));
        TRY(stack.add(made));
        made->start();
        made->carrier_changed();
        TRY(make<SlaacInterface>(*made)).release()->start(); // for ever
        tell(*made, *d);
    }
    return set_up_all(stack, ip);
}
} // namespace net::inet
