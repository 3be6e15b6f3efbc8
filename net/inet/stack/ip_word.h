// The word ip= of the kernel's command line, as Linux documents it (admin-guide/nfs/nfsroot.rst).
#pragma once
#include "net/stack/address.h"
#include <string_view>

namespace net::inet {
struct IpWord {
    enum class Method : u8 {
        none,    // interfaces are left alone
        fixed,   // one gets what stands here
        dynamic, // DHCP, on the interface that is named, or on all
    };
    Method method = Method::dynamic;
    Address client = any_v4, gateway = any_v4; // 0.0.0.0: not given
    u8 prefix = 0;
    std::string_view host_name, device; // empty: not given
    std::array<Address, 2> dns = {any_v4, any_v4};
    Address ntp = any_v4;
};
/// client:server:gateway:netmask:host name:device:method:dns:dns:ntp, of which all may be left out, or a method alone.
/// The server is NFS's and not kept. err::inval: an address that is none, a mask with holes, too many fields;
/// err::opnotsupp: a method that is not there (bootp, rarp). The views are of `value`.
Result<IpWord> parse_ip_word(std::string_view value);
} // namespace net::inet
