#include "container/network.h"
#include "container/registry.h"
#include "lib/errno.h"
#include "lib/numbers.h"
#include "net/inet/stack/bridge.h"
#include "net/inet/stack/ip_word.h"
#include <linux/in.h>

namespace container {
namespace {
using net::Address, net::inet::Bridge, net::inet::Publication;

std::string_view annotation(const Container& c, std::string_view name) {
    for (const auto& a : c.spec.annotations)
        if (a.name.view() == name) return a.value;
    return {};
}
bool joins_network(const Container& c) {
    for (const auto& join : c.spec.joins)
        if (join.kind == JoinSpec::Kind::network) return true;
    return false;
}

Result<> share_with(Container& c, std::string_view id, json::Complaint& why) {
    Holding held{Registry::lock()};
    c.network = TRY(find_or_complain(id, why))->network;
    return {};
}

std::optional<u16> port_number(std::string_view text) {
    auto n = parse_number<u16>(text);
    return n && *n ? std::optional<u16>{*n} : std::nullopt;
}
/// [ADDRESS:]PORT:PORT[/tcp|/udp]
std::optional<Publication> parse_publication(std::string_view text) {
    Publication p{.protocol = IPPROTO_TCP};
    if (auto slash = text.find('/'); slash != std::string_view::npos) {
        auto protocol = text.substr(slash + 1);
        if (protocol != "tcp" && protocol != "udp") return std::nullopt;
        if (protocol == "udp") p.protocol = IPPROTO_UDP;
        text = text.substr(0, slash);
    }
    auto inner = text.rfind(':');
    if (inner == std::string_view::npos) return std::nullopt;
    auto inside = port_number(text.substr(inner + 1));
    text = text.substr(0, inner);
    if (auto outer = text.rfind(':'); outer != std::string_view::npos) {
        auto at = net::inet::parse_v4(text.substr(0, outer));
        if (!at) return std::nullopt;
        if (*at != net::any_v4) p.outside = *at;
        text = text.substr(outer + 1);
    }
    auto outside = port_number(text);
    if (!inside || !outside) return std::nullopt;
    p.outside_port = *outside;
    p.inside.port = *inside;
    return p;
}

Result<> publish(const Address& inside, std::string_view text, json::Complaint& why) {
    auto p = parse_publication(text);
    if (!p) {
        why.say("{}: \"{}\" is not [ADDRESS:]PORT:PORT[/tcp|/udp]", publish_annotation, text);
        return err::inval;
    }
    p->inside.address = inside;
    auto published = Bridge::get().publish(*p);
    if (!published) {
        auto protocol = p->protocol == IPPROTO_TCP ? "tcp" : "udp";
        why.say("{}: port {}/{}: {}", publish_annotation, p->outside_port, protocol, errno_text(published.error()));
    }
    return published;
}
} // namespace

Result<> choose_network(Container& c, std::string_view network, json::Complaint& why) {
    if (network.empty()) network = annotation(c, network_annotation);
    if (joins_network(c)) {
        if (network.empty()) return {};
        why.say("{}: linux.namespaces says already whose network it is", network_annotation);
        return err::inval;
    }
    c.on_bridge = network.empty() || network == "bridge";
    if (c.on_bridge || network == "none") return {};
    if (network == "host") {
        c.network = View::root().network;
        return {};
    }
    constexpr std::string_view other = "container:";
    if (network.starts_with(other)) return share_with(c, network.substr(other.size()), why);
    why.say("{}: \"{}\" is none of bridge, none, host, container:ID", network_annotation, network);
    return err::inval;
}

Result<> connect_network(Container& c, std::string_view ports, json::Complaint& why) {
    if (ports.empty()) ports = annotation(c, publish_annotation);
    if (!c.on_bridge) {
        if (ports.empty()) return {};
        why.say("{}: only a container on the bridge publishes ports", publish_annotation);
        return err::inval;
    }
    Address inside = TRY(Bridge::get().join(*c.network));
    while (!ports.empty()) {
        auto end = ports.find(',');
        TRY(publish(inside, ports.substr(0, end), why));
        ports = end == std::string_view::npos ? std::string_view{} : ports.substr(end + 1);
    }
    return {};
}
} // namespace container
