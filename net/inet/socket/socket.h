// Sockets of AF_INET and AF_INET6: what all transports share.
#pragma once
#include "kernel/socket/family.h"
#include "net/inet/socket/address.h"
#include "net/inet/socket/endpoint.h"

namespace net::inet {
extern const sockets::Family family_v4, family_v6;
/// What sockets of other families are asked about the caller's network.
Result<i64> network_ioctl(unsigned request, uptr argument);
inline const sockets::Family& family_of(bool v6) { return v6 ? family_v6 : family_v4; }

class InetSocket : public sockets::Socket {
public:
    Result<> bind(const sockets::Address&) override;
    Result<> local_address(sockets::Address&) override;
    Result<> peer_address(sockets::Address&) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    Result<> change_filter(Ref<bpf::Program>) final;
    Ref<bpf::Program> filter() final;
    WaitQueue& changed() final { return end_->changed; }
    bool raises_pipe_signal() const override { return type() == 1; } // SOCK_STREAM

protected:
    InetSocket(Ref<InetEndpoint>, int type, int protocol, Ref<vfs::Inode>);
    ~InetSocket() override { end_->inode = 0; }
    /// What a program of this domain names. For what one may send or connect to: an unspecified address is loopback's.
    Result<Endpoint> destination(const sockets::Address&) const;
    /// Whether a port may be bound to. err::acces.
    virtual Result<> may_have_port(u16 port) const;
    /// Whether an address may be bound to. err::addrnotavail; err::inval: of a link, and no interface named.
    virtual Result<> may_bind(const Endpoint&) const;
    /// After the options have been looked at: gives it the port. Under the endpoint's `writing`.
    virtual Result<> take_port(const Endpoint&);
    /// Takes what SO_REUSEADDR and its like say now into the flow, for binding.
    void note_options();
    bool has_capability(unsigned capability) const; // over its network
    /// IP_RECVERR is off: what is queued goes.
    virtual void errors_unwanted();
    const Ref<InetEndpoint> end_;

private:
    Result<> set_socket_option(int option, UserSpan<const std::byte> value);
    Result<> bind_to_device(UserSpan<const std::byte> name);
    Result<> bind_to_interface(u32 index);
    Result<> set_ip_option(int option, UserSpan<const std::byte> value);
    Result<> set_ip_number(int option, int value, bool has_value);
    Result<> set_multicast_interface(UserSpan<const std::byte> value);
    Result<> set_unicast_interface(FamilyOptions&, UserSpan<const std::byte> value);
    Result<usize> get_ip_option(int option, UserSpan<std::byte> value);
    Result<int> get_ip_number(int option);
    Result<> set_ipv6_option(int option, UserSpan<const std::byte> value);
    Result<> set_ipv6_number(int option, int value);
    Result<> set_ipv6_multicast_interface(int value);
    Result<usize> get_ipv6_option(int option, UserSpan<std::byte> value);
    Result<int> get_ipv6_number(int option);
    /// IP_MTU: of the way to the peer. err::notconn.
    Result<int> mtu_to_peer();
};
} // namespace net::inet
