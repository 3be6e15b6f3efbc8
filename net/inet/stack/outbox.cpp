#include "net/inet/stack/outbox.h"
#include "net/inet/stack/interface.h"

namespace net::inet {
PacketBox Outbox::pop() {
    if (!first_) return nullptr;
    PacketBox p{first_};
    first_ = p->next;
    if (!first_) last_ = nullptr;
    p->next = nullptr;
    return p;
}

void Outbox::let_in() {
    while (PacketBox p = pop()) {
        Interface& in = *p->arrives_by;
        auto keep = std::move(p->arrives_in);
        in.counters.came(p->size());
        in.arrive(std::move(p), *this);
    }
    now = clocks::monotonic_ns();
}
} // namespace net::inet
