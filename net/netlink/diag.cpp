#include "net/netlink/diag.h"
#include "kernel/socket/numbers.h"

namespace netlink {
namespace {
Result<> take_request(Request& r) {
    auto m = TRY(r.fixed<sock_diag_req>());
    if (r.header.nlmsg_type == SOCK_DESTROY) return err::opnotsupp;
    if (r.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return err::inval;
    switch (m.sdiag_family) {
    case sockets::af_inet:
    case sockets::af_inet6: return take_inet(r);
    case sockets::af_unix: return take_unix(r);
    default: return m.sdiag_family >= sockets::domain_end ? err::inval : err::noent;
    }
}
} // namespace

constinit const Protocol diag_protocol{
    .number = NETLINK_SOCK_DIAG, .groups = 4, .anyone_listens = false, .request = take_request};
} // namespace netlink
