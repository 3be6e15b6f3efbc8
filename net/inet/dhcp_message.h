// Messages of DHCPv4 (RFC 2131, 2132), as a client reads and writes them.
#pragma once
#include "lib/string.h"
#include "net/stack/address.h"
#include "net/stack/packet.h"

namespace net::inet {
inline constexpr u16 dhcp_server_port = 67, dhcp_client_port = 68;

enum class DhcpType : u8 {
    discover = 1,
    offer = 2,
    request = 3,
    decline = 4,
    ack = 5,
    nak = 6,
    release = 7,
};

/// What a server lends, and says of the network.
struct DhcpLease {
    static constexpr u32 infinite = ~u32{0};
    Address address = any_v4, server = any_v4;
    Address router = any_v4; // 0.0.0.0: none
    u8 prefix = 0;
    u16 mtu = 0;                                           // 0: not said
    u32 seconds = 0, renew_after = 0, rebind_after = 0;    // 0: not said
    std::array<Address, 3> dns = {any_v4, any_v4, any_v4}; // those that are not 0.0.0.0
    std::array<Address, 2> ntp = {any_v4, any_v4};
    FixedString<64> host_name, domain;
};

/// What a server says: the data of a UDP datagram.
struct DhcpReply {
    DhcpType type;
    u32 transaction;
    LinkAddress client;
    DhcpLease lease; // of a NAK only the server
};
/// err::inval: not a reply on Ethernet, options that end before they should, an address that nobody can have.
Result<DhcpReply> parse_dhcp(const Packet&);

/// What a client says.
struct DhcpQuestion {
    DhcpType type;
    u32 transaction;
    u16 seconds; // since the client began
    LinkAddress client;
    Address own = any_v4;       // that it has and can be reached by; else answers come to everybody
    Address requested = any_v4; // 0.0.0.0: none is named
    Address server = any_v4;    // as above
    std::string_view host_name; // at most 63 bytes; empty: none
};
Result<PacketBox> make_dhcp(const DhcpQuestion&);
} // namespace net::inet
