#include "container/network.h"
#include "container/registry.h"
#include "lib/errno.h"
#include "lib/numbers.h"
#include "net/inet/stack/bridge.h"
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
/// 192.0.2.1, or [2001:db8::1].
Result<Address> parse_address(std::string_view text) {
    if (!text.starts_with('[')) return net::parse_v4(text);
    return text.ends_with(']') ? net::parse_v6(text.substr(1, text.size() - 2)) : Result<Address>{err::inval};
}
/// What a publication asks for, in the families that it is for.
struct Asked : Publication {
    bool v4 = true, v6 = true;
};
/// [ADDRESS:]PORT:PORT[/tcp|/udp]
std::optional<Asked> parse_publication(std::string_view text) {
    Asked p;
    p.protocol = IPPROTO_TCP;
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
        auto at = parse_address(text.substr(0, outer));
        if (!at) return std::nullopt;
        if (!at->unspecified()) p.outside = *at;
        p.v4 = at->is_v4();
        p.v6 = !p.v4;
        text = text.substr(outer + 1);
    }
    auto outside = port_number(text);
    if (!inside || !outside) return std::nullopt;
    p.outside_port = *outside;
    p.inside.port = *inside;
    return p;
}

Result<> publish(const Bridge::Addresses& inside, std::string_view text, json::Complaint& why) {
    auto p = parse_publication(text);
    if (!p) {
        why.say("{}: \"{}\" is not [ADDRESS:]PORT:PORT[/tcp|/udp]", publish_annotation, text);
        return err::inval;
    }
    Result<> published;
    for (const Address& a : {inside.v4, inside.v6}) {
        p->inside.address = a;
        if (published && (a.is_v4() ? p->v4 : p->v6)) published = Bridge::get().publish(*p);
    }
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
    auto inside = TRY(Bridge::get().join(*c.network));
    while (!ports.empty()) {
        auto end = ports.find(',');
        TRY(publish(inside, ports.substr(0, end), why));
        ports = end == std::string_view::npos ? std::string_view{} : ports.substr(end + 1);
    }
    return {};
}
} // namespace container
