// Addresses of IPv4 and IPv6 in one type: an IPv4 address is kept as its IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2).
// Such an address never comes from an IPv6 header: input drops it.
#pragma once
#include "lib/format.h"
#include "lib/result.h"
#include "net/stack/wire.h"
#include <array>
#include <compare>
#include <optional>

namespace net {
class Checksum;

struct Address {
    alignas(8) std::array<u8, 16> bytes{}; // network order; all zero: IPv6's unspecified address

    static constexpr Address v4(u32 host_order) {
        Address a{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
        for (unsigned i = 0; i < 4; i++) a.bytes[12 + i] = static_cast<u8>(host_order >> (24 - 8 * i));
        return a;
    }
    static constexpr Address v4(u8 a, u8 b, u8 c, u8 d) { return v4(u32{a} << 24 | u32{b} << 16 | u32{c} << 8 | d); }
    /// IPv6 by its eight groups.
    static constexpr Address v6(std::array<u16, 8> groups) {
        Address a;
        for (unsigned i = 0; i < 16; i++) a.bytes[i] = static_cast<u8>(groups[i / 2] >> (i % 2 ? 0 : 8));
        return a;
    }
    /// ff02::1:ffXX:XXXX (RFC 4291, 2.7.1).
    Address solicited_node() const;

    constexpr bool is_v4() const {
        for (unsigned i = 0; i < 12; i++)
            if (bytes[i] != (i < 10 ? 0 : 0xff)) return false;
        return true;
    }
    constexpr u32 v4_value() const {
        return u32{bytes[12]} << 24 | u32{bytes[13]} << 16 | u32{bytes[14]} << 8 | bytes[15];
    }
    bool unspecified() const; // 0.0.0.0 or ::
    bool loopback() const;    // 127.0.0.0/8 or ::1
    bool multicast() const;
    bool broadcast() const { return is_v4() && v4_value() == 0xffffffff; } // the limited one
    bool link_local() const;                                               // fe80::/10, 169.254.0.0/16
    /// Whether it may stand as the source of a packet from elsewhere: not multicast, broadcast or 240.0.0.0/4.
    bool valid_source() const;
    /// Adds it to a pseudo-header's sum.
    void add_to(Checksum&) const;

    friend constexpr auto operator<=>(const Address&, const Address&) = default;
    /// As two words: every packet's are compared several times.
    friend constexpr bool operator==(const Address& a, const Address& b) {
        auto x = std::bit_cast<std::array<u64, 2>>(a.bytes), y = std::bit_cast<std::array<u64, 2>>(b.bytes);
        return x[0] == y[0] && x[1] == y[1];
    }
};
/// 10.0.2.15, or as RFC 5952 has it: fe80::1.
void print_address(Writer&, const Address&);
/// a.b.c.d in decimal. err::inval.
Result<Address> parse_v4(std::string_view);
/// As RFC 4291, 2.2 has it, without a zone. err::inval; an IPv4-mapped one is none of IPv6.
Result<Address> parse_v6(std::string_view);
inline constexpr Address any_v4 = Address::v4(0), any_v6{};
inline constexpr Address loopback_v4 = Address::v4(127, 0, 0, 1), loopback_v6 = Address::v6({0, 0, 0, 0, 0, 0, 0, 1});

/// The first `length` bits of an address of 128; IPv4's count from 96.
struct Prefix {
    Address address;
    u8 length = 0;
    /// `bits` as people count them: of 32 for IPv4. The rest of the address is cleared.
    static Prefix of(const Address&, unsigned bits);
    bool contains(const Address&) const;
    /// Its last address: of IPv4 the broadcast address.
    Address last() const;
    friend bool operator==(const Prefix&, const Prefix&) = default;
};

/// An address and a port; `interface` is the scope of a link-local address, else 0.
struct Endpoint {
    Address address;
    u16 port = 0;
    u32 interface = 0;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// An address of the link: six bytes of Ethernet.
struct LinkAddress {
    std::array<u8, 6> bytes{};
    bool multicast() const { return bytes[0] & 1; }
    bool valid_unicast() const { return !multicast() && *this != LinkAddress{}; }
    friend bool operator==(const LinkAddress&, const LinkAddress&) = default;
};
inline constexpr LinkAddress link_broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
/// To which link address a multicast address goes (RFC 1112, 2464).
LinkAddress link_multicast(const Address&);

/// How many bits of the two agree, from the first one on.
unsigned common_prefix(const Address&, const Address&);
/// The sum of the pseudo-header that TCP, UDP and ICMPv6 have under their checksums (RFC 9293, 3.1; RFC 8200, 8.1).
Checksum pseudo_header(const Address& source, const Address& destination, u8 protocol, usize length);
} // namespace net
