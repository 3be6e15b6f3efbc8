// Packets that ICMP errors quote, and IP headers, in whose addresses something is changed.
#pragma once
#include "net/inet/ip.h"

namespace net::inet {
/// Writes the addresses of the IP header at `at`, and corrects its checksum where it has one. False: it cannot be
/// written.
bool write_addresses(Packet&, usize at, const Address& source, const Address& destination);

/// A packet of TCP, UDP or of an echo request that an ICMP error quotes.
struct Quote {
    usize header = 0, transport = 0; // where they stand
    u8 protocol = 0;
    Endpoint source, destination;                                    // of an echo, its identifier is both ports
    bool is_echo() const { return protocol == 1 || protocol == 58; } // IPPROTO_ICMP, IPPROTO_ICMPV6
    /// None: `p` is no ICMP error, its checksum is wrong, or what it quotes has no ports.
    static std::optional<Quote> of(const Packet& p, const Ip& ip);
    /// Writes other ends into it, and the checksum of the whole message (of which `ip` is the header). False: it cannot
    /// be written.
    bool write(Packet& p, const Ip& ip, const Endpoint& source, const Endpoint& destination) const;
};
} // namespace net::inet
