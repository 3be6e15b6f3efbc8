// The loopback interface: what is sent by it comes in again.
#pragma once
#include "net/inet/stack/interface.h"

namespace net::inet {
class Loopback final : public Interface {
public:
    explicit Loopback(Stack&);
    void send(PacketBox, const Address& next_hop, Outbox&) override;
    void send_frame(PacketBox, Outbox&, const void* sender) override;
    void arrive(PacketBox, Outbox&) override;

private:
    void give(PacketBox, Outbox&);
};
} // namespace net::inet
