#include "net/stack/address.h"
#include "lib/numbers.h"
#include "net/stack/checksum.h"
#include <algorithm>
#include <cstring>

namespace net {
Address Address::solicited_node() const {
    Address a = v6({0xff02, 0, 0, 0, 0, 1, 0xff00, 0});
    for (unsigned i = 13; i < 16; i++) a.bytes[i] = bytes[i];
    return a;
}

bool Address::unspecified() const { return *this == any_v6 || *this == any_v4; }
bool Address::loopback() const { return is_v4() ? bytes[12] == 127 : *this == loopback_v6; }
bool Address::multicast() const { return is_v4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff; }
bool Address::link_local() const {
    return is_v4() ? bytes[12] == 169 && bytes[13] == 254 : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}
bool Address::valid_source() const { return is_v4() ? bytes[12] < 0xe0 : !multicast(); }

void Address::add_to(Checksum& sum) const {
    std::span all = std::as_bytes(std::span{bytes});
    sum.add(is_v4() ? all.subspan(12) : all);
}

Prefix Prefix::of(const Address& a, unsigned bits) {
    Prefix p{a, static_cast<u8>(a.is_v4() ? 96 + (bits < 32 ? bits : 32) : bits < 128 ? bits : 128)};
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = p.length > 8 * i ? p.length - 8 * i : 0;
        if (kept < 8) p.address.bytes[i] &= static_cast<u8>(0xff00 >> kept);
    }
    return p;
}
bool Prefix::contains(const Address& a) const { return common_prefix(address, a) >= length; }

Address Prefix::last() const {
    Address a = address;
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = length > 8 * i ? length - 8 * i : 0;
        if (kept < 8) a.bytes[i] |= static_cast<u8>(0xff >> kept);
    }
    return a;
}

unsigned common_prefix(const Address& a, const Address& b) {
    for (unsigned i = 0; i < 16; i++)
        if (u8 differ = a.bytes[i] ^ b.bytes[i]) return 8 * i + static_cast<unsigned>(std::countl_zero(differ));
    return 128;
}

LinkAddress link_multicast(const Address& a) {
    const auto& b = a.bytes;
    if (a.is_v4()) return {{0x01, 0x00, 0x5e, static_cast<u8>(b[13] & 0x7f), b[14], b[15]}};
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

Checksum pseudo_header(const Address& source, const Address& destination, u8 protocol, usize length) {
    Checksum sum;
    source.add_to(sum);
    destination.add_to(sum);
    sum.add16(protocol);
    sum.add32(static_cast<u32>(length));
    return sum;
}

namespace {
/// A number at the beginning of a text, which goes. Nothing: there is none, it is too large, or has too many digits.
template <class T>
std::optional<T> take_number(std::string_view& text, unsigned base, usize most_digits) {
    auto digits = std::min(text.find_first_not_of("0123456789abcdefABCDEF"), text.size());
    auto value = parse_number<T>(text.substr(0, digits), base);
    if (!value || digits > most_digits) return std::nullopt;
    text.remove_prefix(digits);
    return *value;
}
} // namespace

Result<Address> parse_v4(std::string_view text) {
    u32 value = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i && (text.empty() || text[0] != '.')) return err::inval;
        if (i) text.remove_prefix(1);
        auto byte = take_number<u8>(text, 10, text.size());
        if (!byte) return err::inval;
        value = value << 8 | *byte;
    }
    if (!text.empty()) return err::inval;
    return Address::v4(value);
}

Result<Address> parse_v6(std::string_view text) {
    std::array<u16, 8> groups{};
    constexpr usize none = 9;
    usize count = 0, gap = none; // where "::" stands
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        if (auto v4 = count <= 6 ? parse_v4(text) : Result<Address>{err::inval}) { // ::ffff:192.0.2.1
            groups[count++] = static_cast<u16>(v4->v4_value() >> 16);
            groups[count++] = static_cast<u16>(v4->v4_value());
            break;
        }
        auto group = count < 8 ? take_number<u16>(text, 16, 4) : std::nullopt;
        if (!group) return err::inval;
        groups[count++] = *group;
        if (text.empty()) break;
        if (text.starts_with("::") && gap == none) {
            gap = count;
            text.remove_prefix(2);
        } else if (text[0] == ':' && text.size() > 1 && text[1] != ':') {
            text.remove_prefix(1);
        } else {
            return err::inval;
        }
    }
    if (gap == none ? count != 8 : count > 7) return err::inval;
    if (gap != none) std::rotate(groups.begin() + gap, groups.begin() + count, groups.end());
    Address a = Address::v6(groups);
    if (a.is_v4()) return err::inval;
    return a;
}

void print_address(Writer& out, const Address& a) {
    const auto& b = a.bytes;
    if (a.is_v4()) return print(out, "{}.{}.{}.{}", b[12], b[13], b[14], b[15]);
    auto group = [&](unsigned i) { return static_cast<u16>(b[2 * i] << 8 | b[2 * i + 1]); };
    // The first of the longest runs of zeros, if it is longer than one.
    unsigned begin = 8, length = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned end = i;
        while (end < 8 && group(end) == 0) end++;
        if (end - i > length) begin = i, length = end - i;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i == begin) {
            out.write("::");
            i += length - 1;
            continue;
        }
        if (i && i != begin + length) out.write(":");
        print(out, "{:x}", group(i));
    }
}
} // namespace net
