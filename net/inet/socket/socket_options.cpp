// setsockopt(2) and getsockopt(2) of sockets of AF_INET and AF_INET6, by level; what they change of SOL_SOCKET's.
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/interface_ioctl.h"
#include "net/inet/socket/socket.h"
#include "net/inet/socket/tcp_endpoint.h"
#include <algorithm>
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/if.h>

namespace net::inet {
using namespace sockets;

/// Who is bound to one needs a right to change that.
Result<> InetSocket::bind_to_interface(u32 index) {
    if (options().interface.load() && !has_capability(CAP_NET_RAW)) return err::perm;
    Holding held{end_->lock};
    options().interface = index;
    end_->interface = index;
    end_->forget_path();
    return {};
}

Result<> InetSocket::bind_to_device(UserSpan<const std::byte> value) {
    char name[IFNAMSIZ]{};
    TRY(arch::copy_in(name, value.data.address(), std::min(value.size, sizeof name - 1)));
    std::string_view asked{name};
    if (asked.empty()) return bind_to_interface(0);
    auto found = end_->stack().find(asked);
    return found ? bind_to_interface(found->index()) : err::nodev;
}

/// err::noprotoopt: it is Socket's.
Result<> InetSocket::set_socket_option(int option, UserSpan<const std::byte> value) {
    switch (option) {
    case SO_BINDTODEVICE: return bind_to_device(value);
    case SO_BINDTOIFINDEX: {
        int index = TRY(option_value<int>(value));
        if (index < 0) return err::inval;
        return bind_to_interface(static_cast<u32>(index));
    }
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW: {
        // Those of what is sent, and of a device's clock, are taken, and never told.
        u32 flags = TRY(option_value<u32>(value));
        constexpr u32 all = (1 << 17) - 1, number_streams = 1 << 16, number = 1 << 7; // SOF_TIMESTAMPING_*
        if (flags & ~all || (flags & number_streams && !(flags & number))) return err::inval;
        end_->timestamping = flags;
        return {};
    }
    default: return Socket::set_option(sol_socket, option, value);
    }
}

Result<> InetSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    switch (level) {
    case sol_socket: return set_socket_option(option, value);
    case sol_ip: return domain() == af_inet6 && type() == sock_raw ? err::noprotoopt : set_ip_option(option, value);
    case sol_ipv6: return domain() == af_inet6 ? set_ipv6_option(option, value) : err::noprotoopt;
    default: return err::noprotoopt;
    }
}

Result<usize> InetSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    switch (level) {
    case sol_socket: break;
    case sol_ip: return domain() == af_inet6 && type() == sock_raw ? err::noprotoopt : get_ip_option(option, value);
    case sol_ipv6:
        if (domain() == af_inet6) return get_ipv6_option(option, value);
        [[fallthrough]];
    default: return domain() == af_inet6 ? err::noprotoopt : err::opnotsupp;
    }
    if (option == SO_TIMESTAMPING_OLD || option == SO_TIMESTAMPING_NEW) {
        struct {
            u32 flags, phc = 0;
        } told{end_->timestamping.load()};
        return put_option(value, told);
    }
    if (option != SO_BINDTODEVICE) return Socket::get_option(level, option, value);
    u32 index = options().interface.load();
    if (!index) return usize{0};
    if (value.size < IFNAMSIZ) return err::inval;
    auto interface = end_->stack().find(index);
    if (!interface) return err::nodev;
    char name[IFNAMSIZ]{};
    auto text = interface->name.view();
    text.copy(name, text.size());
    TRY(arch::copy_out(value.data.address(), name, text.size() + 1));
    return text.size() + 1;
}

Result<int> InetSocket::mtu_to_peer() {
    Holding held{end_->lock};
    if (!end_->remote.port) return err::notconn;
    // As large as a packet can be: 65,535 bytes, which IPv6 counts without the header.
    u32 most = 65535 + (end_->remote.address.is_v4() ? 0 : 40);
    return static_cast<int>(std::min(TRY(end_->path_to(end_->remote))->mtu, most));
}

void InetSocket::errors_unwanted() {}

Result<> InetSocket::change_filter(Ref<bpf::Program> to) {
    if (to && type() == sock_stream) TcpEndpoint::filters = true;
    Holding held{end_->lock};
    to = options().filter.exchange(std::move(to)); // the old one goes after the lock
    return {};
}
Ref<bpf::Program> InetSocket::filter() {
    Holding held{end_->lock};
    return options().filter.program;
}

Result<i64> network_ioctl(unsigned request, uptr argument) {
    auto maker = TRY(Maker::caller());
    Caller* who = Caller::current();
    bool administers = !who || who->credentials().can_in(maker.network->owner.get(), CAP_NET_ADMIN);
    return interface_ioctl(maker.stack, af_unix, administers, request, argument);
}
Result<i64> InetSocket::ioctl(unsigned request, uptr argument) {
    return interface_ioctl(end_->stack(), domain(), has_capability(CAP_NET_ADMIN), request, argument);
}
} // namespace net::inet
