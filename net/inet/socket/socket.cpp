#include "net/inet/socket/socket.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include <linux/capability.h>

namespace net::inet {
using namespace sockets;

InetSocket::InetSocket(Ref<InetEndpoint> e, int type, int protocol, Ref<vfs::Inode> inode)
    : Socket{family_of(e->v6), type, protocol, e->options, std::move(inode)}, end_{std::move(e)} {
    end_->inode = this->inode()->number();
    end_->owner = this->inode()->attributes().uid;
}

bool InetSocket::has_capability(unsigned capability) const {
    Caller* who = Caller::current();
    return !who || who->credentials().can_in(end_->network->owner.get(), capability);
}

Result<Endpoint> InetSocket::destination(const sockets::Address& a) const {
    Endpoint to = TRY(parse_address(a, domain()));
    if (to.address == any_v4) to.address = loopback_v4;
    if (to.address == any_v6) to.address = loopback_v6;
    bool v4 = to.address.is_v4();
    if (v4 && domain() == af_inet6 && end_->ip.v6_only) return err::netunreach;
    return to;
}

Result<> InetSocket::may_have_port(u16 port) const {
    if (!port || port >= end_->stack().settings.first_unprivileged_port) return {};
    return has_capability(CAP_NET_BIND_SERVICE) ? Result<>{} : Result<>{err::acces};
}

Result<> InetSocket::may_bind(const Endpoint& at) const {
    const auto& a = at.address;
    if (a.unspecified()) return {};
    bool v4 = a.is_v4();
    if (v4 && domain() == af_inet6 && end_->ip.v6_only) return err::inval;
    if (!v4 && a.link_local() && !at.interface && !end_->interface) return err::inval;
    if (a.multicast() || a.broadcast()) return v4 || type() != sock_stream ? Result<>{} : Result<>{err::inval};
    bool anywhere = end_->ip.free_bind || end_->ip.transparent || end_->stack().settings.nonlocal_bind;
    return anywhere || end_->stack().is_own(a) ? Result<>{} : Result<>{err::addrnotavail};
}

void InetSocket::note_options() {
    end_->reuse_address = options().on(Flag::reuse_address);
    end_->reuse_port = options().on(Flag::reuse_port);
    end_->v6_only = end_->ip.v6_only;
    end_->interface = options().interface.load();
    if (Caller* who = Caller::current()) end_->user = who->credentials().euid;
}

Result<> InetSocket::bind(const sockets::Address& a) {
    auto at = parse_address(a, domain());
    // AF_UNSPEC with the wildcard address is taken for AF_INET, as on Linux.
    if (!at && at.error() == Errno::afnosupport && domain() == af_inet && a.family() == af_unspec) {
        sockets::Address inet = a;
        u16 family = af_inet;
        std::memcpy(inet.bytes, &family, sizeof family);
        at = parse_address(inet, domain());
        if (at && at->address != any_v4) return err::afnosupport;
    }
    if (!at) return std::unexpected(at.error());
    TRY(may_bind(*at));
    TRY(may_have_port(at->port));
    Holding held{end_->writing};
    if (end_->bound()) return err::inval;
    note_options();
    return take_port(*at);
}

Result<> InetSocket::take_port(const Endpoint& at) { return Flows::bind(*end_, at); }

Result<> InetSocket::local_address(sockets::Address& to) {
    Holding held{end_->lock};
    to = make_address(end_->local, domain());
    return {};
}
Result<> InetSocket::peer_address(sockets::Address& to) {
    Holding held{end_->lock};
    if (!end_->remote.port) return err::notconn;
    to = make_address(end_->remote, domain());
    return {};
}
} // namespace net::inet
