// NETLINK_ROUTE: rtnetlink(7).
#pragma once
#include "net/inet/stack/stack.h"
#include "net/netlink/socket.h"
#include <linux/rtnetlink.h>

namespace netlink {
inline constexpr int af_inet = 2, af_inet6 = 10;
inline int family_of(const net::Address& a) { return a.is_v4() ? af_inet : af_inet6; }
/// The network of a socket. err::nomem.
inline Result<net::inet::Stack*> stack_of(const NetlinkSocket& s) { return net::inet::Stack::in(*s.network); }
/// An attribute's address: four bytes or sixteen. err::inval.
Result<net::Address> address_in(const Attributes&, u16 type, int family);
void put_address(MessageWriter&, u16 type, const net::Address&);
/// The interface that a request names by its number. err::nodev.
Result<Ref<net::inet::Interface>> interface_in(net::inet::Stack&, int index);

using net::inet::InterfaceAddress;
// The parts of a message behind its header.
void put_link(MessageWriter&, net::inet::Stack&, net::inet::Interface&, u32 filter_mask);
void put_address_message(MessageWriter&, net::inet::Stack&, const net::inet::Interface&, const InterfaceAddress&);
void put_route(MessageWriter&, const net::Route&);
u32 table_of(const net::Route&); // RT_TABLE_*

// Requests, by the files they stand in.
Result<> get_link(Request&), change_link(Request&), delete_link(Request&);
Result<> add_address(Request&), delete_address(Request&);
Result<> get_route(Request&), add_route(Request&), delete_route(Request&);
Result<> get_neighbour(Request&), add_neighbour(Request&), delete_neighbour(Request&);
Result<bool> list_links(Dump&, MessageWriter&);
Result<bool> list_addresses(Dump&, MessageWriter&);
Result<bool> list_routes(Dump&, MessageWriter&);
Result<bool> list_neighbours(Dump&, MessageWriter&);
Result<bool> list_rules(Dump&, MessageWriter&);
} // namespace netlink
