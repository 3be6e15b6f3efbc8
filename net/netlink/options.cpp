// Options of level SOL_NETLINK.
#include "kernel/socket/numbers.h"
#include "net/netlink/socket.h"

namespace netlink {
using namespace sockets;
namespace {
constexpr int sol_netlink = 270;
} // namespace

Result<> NetlinkSocket::set_own_option(int option, int value) {
    auto set = [&](Bit b) {
        u32 bit = 1u << b;
        value ? bits_.fetch_or(bit, std::memory_order_relaxed) : bits_.fetch_and(~bit, std::memory_order_relaxed);
        return Result<>{};
    };
    switch (option) {
    case NETLINK_ADD_MEMBERSHIP:
    case NETLINK_DROP_MEMBERSHIP: {
        if (!messages.anyone_listens && !administers()) return err::perm;
        if (value <= 0 || static_cast<u32>(value) > messages.groups) return err::inval;
        if (!port()) TRY(choose_port());
        u64 bit = u64{1} << (value - 1);
        return set_groups(option == NETLINK_ADD_MEMBERSHIP ? groups() | bit : groups() & ~bit);
    }
    case NETLINK_PKTINFO: return set(packet_info);
    case NETLINK_BROADCAST_ERROR: return set(broadcast_error);
    case NETLINK_NO_ENOBUFS:
        set(no_enobufs);
        if (value) congested_ = false;
        return {};
    case NETLINK_LISTEN_ALL_NSID:
        if (!administers()) return err::perm;
        return set(listen_all);
    case NETLINK_CAP_ACK: return set(cap_ack);
    case NETLINK_EXT_ACK: return set(ext_ack);
    case NETLINK_GET_STRICT_CHK: return set(strict_check);
    default: return err::noprotoopt;
    }
}

Result<> NetlinkSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    if (level == sol_socket) return Socket::set_option(level, option, value);
    if (level != sol_netlink) return err::noprotoopt;
    // As Linux: what is too short is 0.
    return set_own_option(option, value.size < sizeof(int) ? 0 : TRY(option_value<int>(value)));
}

Result<usize> NetlinkSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    if (level == sol_socket) return Socket::get_option(level, option, value);
    if (level != sol_netlink) return err::noprotoopt;
    auto flag = [&](Bit b) -> Result<usize> {
        return value.size < sizeof(int) ? Result<usize>{err::inval} : put_option(value, int{on(b)});
    };
    switch (option) {
    case NETLINK_PKTINFO: return flag(packet_info);
    case NETLINK_BROADCAST_ERROR: return flag(broadcast_error);
    case NETLINK_NO_ENOBUFS: return flag(no_enobufs);
    case NETLINK_CAP_ACK: return flag(cap_ack);
    case NETLINK_EXT_ACK: return flag(ext_ack);
    case NETLINK_GET_STRICT_CHK: return flag(strict_check);
    case NETLINK_LIST_MEMBERSHIPS: {
        // Words as long as the user has room; the size that all would have is told.
        u64 all = groups();
        usize size = (messages.groups + 31) / 32 * sizeof(u32), n = std::min(value.size / 4 * 4, size);
        if (n) TRY(arch::copy_out(value.data.address(), &all, n));
        return size;
    }
    default: return err::noprotoopt;
    }
}
} // namespace netlink
