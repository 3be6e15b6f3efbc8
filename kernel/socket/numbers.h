// Linux's numbers for sockets that no UAPI header has. (SO_* are in asm/socket.h.)
#pragma once
#include "lib/types.h"

namespace sockets {
enum Domain : int {
    af_unspec = 0,
    af_unix = 1,
    af_inet = 2,
    af_inet6 = 10,
    af_netlink = 16,
    af_packet = 17,
    af_vsock = 40
};
inline constexpr int domain_end = 46; // AF_MAX
enum Type : int {
    sock_stream = 1,
    sock_dgram = 2,
    sock_raw = 3,
    sock_rdm = 4,
    sock_seqpacket = 5,
    sock_packet = 10,
    sock_type_end = 11,   // SOCK_MAX
    sock_type_mask = 0xf, // SOCK_TYPE_MASK
};
enum Shutdown : int { shut_rd = 0, shut_wr = 1, shut_rdwr = 2 };
/// Levels of options and control messages.
enum Level : int {
    sol_ip = 0,
    sol_socket = 1,
    sol_tcp = 6,
    sol_udp = 17,
    sol_ipv6 = 41,
    sol_raw = 255,
    sol_packet = 263
};
enum MessageFlag : u32 {
    msg_oob = 1,
    msg_peek = 2,
    msg_dontroute = 4,
    msg_ctrunc = 8,
    msg_trunc = 0x20,
    msg_dontwait = 0x40,
    msg_eor = 0x80,
    msg_waitall = 0x100,
    msg_errqueue = 0x2000,
    msg_nosignal = 0x4000,
    msg_more = 0x8000,
    msg_waitforone = 0x10000,
    msg_batch = 0x40000,
    msg_zerocopy = 0x400'0000,
    msg_fastopen = 0x2000'0000,
    msg_cmsg_cloexec = 0x4000'0000,
    msg_cmsg_compat = 0x8000'0000, // not for programs
};
enum ControlType : int { scm_rights = 1, scm_credentials = 2, scm_security = 3, scm_pidfd = 4 };
// SO_* newer than the headers that the kernel is built with.
inline constexpr int so_passpidfd = 76, so_peerpidfd = 77, so_passrights = 83;
} // namespace sockets
