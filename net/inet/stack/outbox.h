// What one piece of work sends: a call on a socket, a timer, packets that a device has brought.
#pragma once
#include "core/time/clock.h"
#include "net/stack/packet.h"

namespace net::inet {
class Interface;

/// On the stack of who works. What goes over loopback waits here and comes in when the work is over and its locks are
/// given back: so nothing is called from within itself, and no thread is woken for it. What goes to a device goes at
/// once.
class Outbox {
public:
    Outbox() : now{clocks::monotonic_ns()} {}
    Outbox(const Outbox&) = delete;
    /// Without locks.
    ~Outbox() { flush(); }
    /// The time, for all that the work does; flush() sets it anew.
    u64 now;
    /// A packet comes in by an interface of the sender's own network, as its arrive() wants it.
    void give(PacketBox p, Interface& in) {
        p->next = nullptr;
        p->arrives_by = &in;
        Packet* entered = p.release();
        (last_ ? last_->next : first_) = entered;
        last_ = entered;
    }
    /// By one of another network, which is kept until then.
    void give(PacketBox p, Interface& in, Ref<NetworkNamespace> of) {
        p->arrives_in = std::move(of);
        give(std::move(p), in);
    }
    /// Lets come in what waits, and what is sent because of it: no more than sockets hold. Without locks.
    void flush() {
        if (first_) let_in();
    }

private:
    void let_in();
    PacketBox pop();
    Packet *first_ = nullptr, *last_ = nullptr;
};
} // namespace net::inet
