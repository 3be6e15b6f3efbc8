// Sockets of AF_INET and AF_INET6: what all transports share.
#pragma once
#include "kernel/socket/family.h"
#include "net/inet/socket/address.h"
#include "net/inet/socket/endpoint.h"

namespace net::inet {
extern const sockets::Family family_v4, family_v6;
inline const sockets::Family& family_of(bool v6) { return v6 ? family_v6 : family_v4; }

class InetSocket : public sockets::Socket {
public:
    Result<> bind(const sockets::Address&) override;
    Result<> local_address(sockets::Address&) override;
    Result<> peer_address(sockets::Address&) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    WaitQueue& changed() final { return end_->changed; }
    bool raises_pipe_signal() const override { return type() == 1; } // SOCK_STREAM

protected:
    InetSocket(Ref<InetEndpoint> e, int type, int protocol, Ref<vfs::Inode> inode)
        : Socket{family_of(e->v6), type, protocol, e->options, std::move(inode)}, end_{std::move(e)} {}
    /// What a program of this domain names. For what one may send or connect to: an unspecified address is loopback's.
    Result<Endpoint> destination(const sockets::Address&) const;
    /// Whether a port may be bound to. err::acces.
    Result<> may_have_port(u16 port) const;
    /// Whether an address may be bound to. err::addrnotavail; err::inval: of a link, and no interface named.
    virtual Result<> may_bind(const Endpoint&) const;
    /// After the options have been looked at: gives it the port. Under the endpoint's `writing`.
    virtual Result<> take_port(const Endpoint&);
    /// Takes what SO_REUSEADDR and its like say now into the flow, for binding.
    void note_options();
    bool has_capability(unsigned capability) const; // over its network
    const Ref<InetEndpoint> end_;
};
} // namespace net::inet
