#include "net/inet/stack/configure.h"
#include "net/inet/stack/stack.h"
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
Route default_route(const Interface& i, const Configuration& c) {
    return {.destination = Prefix::of(any_v4, 0),
            .gateway = c.router,
            .source = c.address,
            .interface = i.index(),
            .scope = RT_SCOPE_UNIVERSE,
            .protocol = c.protocol};
}
} // namespace

Result<> configure(Interface& i, const Configuration& c) {
    u32 hosts = c.prefix < 32 ? ~u32{0} >> c.prefix : 0;
    TRY(i.stack().add(i, {.address = c.address,
                          .prefix = c.prefix,
                          .scope = RT_SCOPE_UNIVERSE,
                          .broadcast = c.prefix < 31 ? Address::v4(c.address.v4_value() | hosts) : any_v4}));
    if (c.router == any_v4) return {};
    auto routed = i.stack().add(default_route(i, c));
    if (routed || routed == err::exist) return {};
    (void)i.stack().remove(i, c.address, c.prefix);
    return routed;
}

void unconfigure(Interface& i, const Configuration& c) {
    if (c.router != any_v4) (void)i.stack().remove(default_route(i, c));
    (void)i.stack().remove(i, c.address, c.prefix);
}
} // namespace net::inet
