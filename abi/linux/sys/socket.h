// Sockets: there is no family of them yet, so none can be made, and no descriptor is one.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include <linux/time_types.h>

namespace linux_abi::sys {
Result<int> socket(Task&, int family, int type, int protocol);
Result<> socketpair(Task&, int family, int type, int protocol, UserPtr<int> fds);
// Addresses, lengths and messages are looked at after the descriptor: err::badf, err::notsock.
Result<> bind(Task&, Fd, uptr address, int size);
Result<> listen(Task&, Fd, int backlog);
Result<int> accept(Task&, Fd, uptr address, uptr size);
Result<int> accept4(Task&, Fd, uptr address, uptr size, u32 flags);
Result<> connect(Task&, Fd, uptr address, int size);
Result<> getsockname(Task&, Fd, uptr address, uptr size);
Result<> getpeername(Task&, Fd, uptr address, uptr size);
Result<usize> sendto(Task&, Fd, UserSpan<const std::byte> data, u32 flags, uptr address, int size);
Result<usize> recvfrom(Task&, Fd, UserSpan<std::byte> to, u32 flags, uptr address, uptr size);
Result<> setsockopt(Task&, Fd, int level, int option, uptr value, int size);
Result<> getsockopt(Task&, Fd, int level, int option, uptr value, uptr size);
Result<> shutdown(Task&, Fd, int how);
Result<usize> sendmsg(Task&, Fd, uptr message, u32 flags);
Result<usize> recvmsg(Task&, Fd, uptr message, u32 flags);
Result<int> sendmmsg(Task&, Fd, uptr messages, u32 count, u32 flags);
Result<int> recvmmsg(Task&, Fd, uptr messages, u32 count, u32 flags, UserPtr<const __kernel_timespec> timeout);
} // namespace linux_abi::sys
