#include "net/inet/stack/ip_word.h"
#include <bit>

namespace net::inet {
namespace {
std::string_view next_field(std::string_view& rest) {
    auto field = rest.substr(0, rest.find(':'));
    rest.remove_prefix(field.size() < rest.size() ? field.size() + 1 : rest.size());
    return field;
}

/// "off" and "none" alone leave interfaces alone; behind an address they say that it is this one.
Result<IpWord::Method> method(std::string_view word, bool has_address) {
    using enum IpWord::Method;
    if (word.empty()) return has_address ? fixed : dynamic;
    if (word == "off" || word == "none") return has_address ? fixed : none;
    if (word == "dhcp" || word == "on" || word == "any" || word == "both") return dynamic;
    if (word == "bootp" || word == "rarp") return err::opnotsupp;
    return err::inval;
}

/// Of an empty field: nothing.
Result<> address(Address& to, std::string_view field) {
    if (!field.empty()) to = TRY(parse_v4(field));
    return {};
}

Result<u8> prefix(std::string_view mask, const Address& of) {
    u32 bits = ~u32{0} << (of.v4_value() >> 31 == 0 ? 24 : of.v4_value() >> 30 == 2 ? 16 : 8); // by its class
    if (!mask.empty()) bits = TRY(parse_v4(mask)).v4_value();
    if (~bits & (~bits + 1)) return err::inval;
    return static_cast<u8>(std::popcount(bits));
}
} // namespace

Result<IpWord> parse_ip_word(std::string_view rest) {
    IpWord w;
    if (rest.find(':') == std::string_view::npos) { // an address alone, or a method
        if (auto alone = parse_v4(rest)) {
            w.client = *alone;
            rest = {};
        }
        w.method = TRY(method(rest, w.client != any_v4));
        w.prefix = TRY(prefix({}, w.client));
        return w;
    }
    TRY(address(w.client, next_field(rest)));
    Address server;
    TRY(address(server, next_field(rest)));
    TRY(address(w.gateway, next_field(rest)));
    w.prefix = TRY(prefix(next_field(rest), w.client));
    w.host_name = next_field(rest);
    w.device = next_field(rest);
    w.method = TRY(method(next_field(rest), w.client != any_v4));
    TRY(address(w.dns[0], next_field(rest)));
    TRY(address(w.dns[1], next_field(rest)));
    TRY(address(w.ntp, next_field(rest)));
    if (!rest.empty()) return err::inval;
    if (w.method == IpWord::Method::fixed && (!w.client.valid_source() || w.client.loopback())) return err::inval;
    return w;
}
} // namespace net::inet
