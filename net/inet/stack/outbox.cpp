#include "net/inet/stack/outbox.h"
#include "net/inet/stack/input.h"
#include "net/inet/stack/interface.h"

namespace net::inet {
void Outbox::loop(PacketBox p, Interface& in) {
    p->next = nullptr;
    p->arrives_by = &in;
    Packet* entered = p.release();
    (last_ ? last_->next : first_) = entered;
    last_ = entered;
}

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
        in.counters.came(p->size());
        input(in, std::move(p), *this);
    }
    now = clocks::monotonic_ns();
}
} // namespace net::inet
