// Address families: what socket(2) can make.
#pragma once
#include "kernel/socket/socket.h"

namespace sockets {
/// A kind of sockets: a constinit constant, listed in boot/manifest.cpp.
struct Family {
    int domain; // AF_*
    std::string_view name;
    /// `type` is SOCK_* without flags, and known to Linux. err::socktnosupport, err::protonosupport, err::perm, ...
    Result<Ref<Socket>> (*create)(int type, int protocol);
    /// socketpair(2); null: err::opnotsupp.
    Result<> (*create_pair)(int type, int protocol, Ref<Socket> (&ends)[2]) = nullptr;
    /// ioctl(2) about the caller's network, which sockets of all families answer. err::notty: it is no such request.
    Result<i64> (*network_ioctl)(unsigned request, uptr argument) = nullptr;
};
/// All families of the manifest; set once at boot.
void set_families(std::span<const Family* const>);
/// err::afnosupport.
Result<const Family*> find_family(int domain);
} // namespace sockets
