#include "net/inet/stack/configure.h"
#include "net/inet/stack/stack.h"
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
Route default_route(const Interface& i, const Configuration& c) {
    bool v4 = c.address.is_v4();
    return {.destination = Prefix::of(v4 ? any_v4 : any_v6, 0),
            .gateway = c.router,
            .source = v4 ? c.address : any_v6,
            .interface = i.index(),
            .metric = v4 ? 0u : 1024u, // as Linux's
            .scope = RT_SCOPE_UNIVERSE,
            .protocol = c.protocol};
}
} // namespace

Result<> configure(Interface& i, const Configuration& c) {
    bool v4 = c.address.is_v4();
    TRY(i.stack().add(i, {.address = c.address,
                          .prefix = c.prefix,
                          .scope = static_cast<u8>(!v4 && c.address.link_local() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
                          .flags = c.flags,
                          .broadcast = v4 && c.prefix < 31 ? Prefix::of(c.address, c.prefix).last() : any_v4}));
    if (c.router.unspecified()) return {};
    auto routed = i.stack().add(default_route(i, c));
    if (routed || routed == err::exist) return {};
    (void)i.stack().remove(i, c.address, c.prefix);
    return routed;
}

void unconfigure(Interface& i, const Configuration& c) {
    if (!c.router.unspecified()) (void)i.stack().remove(default_route(i, c));
    (void)i.stack().remove(i, c.address, c.prefix);
}
} // namespace net::inet
