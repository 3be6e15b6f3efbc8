#include "net/inet/socket/socket.h"

namespace net::inet {
Result<> InetSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    return Socket::set_option(level, option, value);
}
Result<usize> InetSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    return Socket::get_option(level, option, value);
}
Result<i64> InetSocket::ioctl(unsigned request, uptr argument) { return Socket::ioctl(request, argument); }
} // namespace net::inet
