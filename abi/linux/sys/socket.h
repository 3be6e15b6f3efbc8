// Sockets: descriptors, addresses, messages and options of the user's. Addresses and lengths are looked at after the
// descriptor is known to be a socket's (err::badf, err::notsock) where nothing else is said.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include "kernel/socket/socket.h"
#include <linux/time_types.h>

namespace linux_abi::sys {
/// A socket for the length of a system call.
class HeldSocket {
public:
    HeldSocket(HeldFile file, sockets::Socket& socket) : file_{std::move(file)}, socket_{socket} {}
    sockets::Socket* operator->() const { return &socket_; }
    sockets::Socket& operator*() const { return socket_; }

private:
    HeldFile file_;
    sockets::Socket& socket_;
};
/// err::badf, err::notsock.
Result<HeldSocket> hold_socket(Task&, Fd);
/// err::inval: a size that no address has; err::fault.
Result<> copy_address_in(sockets::Address& to, uptr from, int size);
/// Cut off to the room that `size` says; `size` becomes what it has. err::inval: the room is negative.
Result<> copy_address_out(const sockets::Address& from, uptr to, UserPtr<int> size);

Result<int> socket(Task&, int family, int type, int protocol);
Result<> socketpair(Task&, int family, int type, int protocol, UserPtr<int> fds);
Result<> bind(Task&, Fd, uptr address, int size);
Result<> listen(Task&, Fd, int backlog);
Result<int> accept(Task&, Fd, uptr address, UserPtr<int> size);
Result<int> accept4(Task&, Fd, uptr address, UserPtr<int> size, u32 flags);
/// The address is looked at before the descriptor is known to be a socket's.
Result<> connect(Task&, Fd, uptr address, int size);
Result<> getsockname(Task&, Fd, uptr address, UserPtr<int> size);
Result<> getpeername(Task&, Fd, uptr address, UserPtr<int> size);
/// The data's address is looked at first.
Result<usize> sendto(Task&, Fd, UserSpan<const std::byte> data, u32 flags, uptr address, int size);
Result<usize> recvfrom(Task&, Fd, UserSpan<std::byte> to, u32 flags, uptr address, UserPtr<int> size);
Result<> setsockopt(Task&, Fd, int level, int option, UserPtr<const std::byte> value, int size);
Result<> getsockopt(Task&, Fd, int level, int option, UserPtr<std::byte> value, UserPtr<int> size);
Result<> shutdown(Task&, Fd, int how);
Result<usize> sendmsg(Task&, Fd, uptr message, u32 flags);
Result<usize> recvmsg(Task&, Fd, uptr message, u32 flags);
Result<int> sendmmsg(Task&, Fd, uptr messages, u32 count, u32 flags);
Result<int> recvmmsg(Task&, Fd, uptr messages, u32 count, u32 flags, UserPtr<__kernel_timespec> timeout);
} // namespace linux_abi::sys
