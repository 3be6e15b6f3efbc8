// Setting an interface up with what the command line or a server says.
#pragma once
#include "net/inet/stack/interface.h"

namespace net::inet {
/// An address, and the way out of its network.
struct Configuration {
    Address address = any_v4, router = any_v4; // unspecified: none
    u8 prefix = 0;
    u8 protocol = 0; // RTPROT_*: who says so
    u32 flags = 0;   // IFA_F_*
    friend bool operator==(const Configuration&, const Configuration&) = default;
};
/// Gives an interface the address and the default route. All or nothing: err::exist, err::nobufs, err::nomem.
Result<> configure(Interface&, const Configuration&);
void unconfigure(Interface&, const Configuration&);
} // namespace net::inet
