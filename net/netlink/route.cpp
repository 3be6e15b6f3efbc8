#include "net/netlink/route.h"

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
struct Handler {
    u16 type; // RTM_*
    Result<> (*take)(Request&);
    Result<bool> (*list)(Dump&, MessageWriter&) = nullptr;
};
constexpr Handler handlers[] = {
    {RTM_GETLINK, get_link, list_links},
    {RTM_NEWLINK, change_link},
    {RTM_SETLINK, change_link},
    {RTM_DELLINK, delete_link},
    {RTM_GETADDR, nullptr, list_addresses},
    {RTM_NEWADDR, add_address},
    {RTM_DELADDR, delete_address},
    {RTM_GETROUTE, get_route, list_routes},
    {RTM_NEWROUTE, add_route},
    {RTM_DELROUTE, delete_route},
    {RTM_GETNEIGH, get_neighbour, list_neighbours},
    {RTM_NEWNEIGH, add_neighbour},
    {RTM_DELNEIGH, delete_neighbour},
    {RTM_GETRULE, nullptr, list_rules},
};

Result<> take_request(Request& r) {
    u16 type = r.header.nlmsg_type;
    if (type > RTM_MAX) return err::opnotsupp;
    if (r.payload.empty()) return {};
    bool gets = (type & 3) == 2; // RTM_GET*
    if (!gets && !r.from.administers()) return err::perm;
    for (const Handler& h : handlers) {
        if (h.type != type) continue;
        if (gets && r.header.nlmsg_flags & NLM_F_DUMP) return h.list ? r.from.start(r, h.list) : err::opnotsupp;
        return h.take ? h.take(r) : err::opnotsupp;
    }
    return err::opnotsupp;
}
} // namespace

Result<Address> address_in(const Attributes& a, u16 type, int family) {
    auto bytes = a.bytes(type);
    if (family == af_inet && bytes.size() >= 4) {
        u8 b[4];
        std::memcpy(b, bytes.data(), 4);
        return Address::v4(b[0], b[1], b[2], b[3]);
    }
    if (family != af_inet6 || bytes.size() < 16) return err::inval;
    Address v6;
    std::memcpy(v6.bytes.data(), bytes.data(), 16);
    return v6;
}
void put_address(MessageWriter& out, u16 type, const Address& a) {
    auto bytes = std::as_bytes(std::span{a.bytes});
    out.attribute(type, a.is_v4() ? bytes.subspan(12) : bytes);
}
Result<Ref<Interface>> interface_in(Stack& stack, int index) {
    auto i = index > 0 ? stack.find(static_cast<u32>(index)) : Ref<Interface>{};
    return i ? Result<Ref<Interface>>{std::move(i)} : err::nodev;
}

constinit const Protocol route_protocol{
    .number = NETLINK_ROUTE, .groups = RTNLGRP_MAX, .anyone_listens = true, .request = take_request};
} // namespace netlink
