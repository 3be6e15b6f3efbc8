// DHCP on an interface: what DhcpClient asks for is sent, and what it gets is set.
#pragma once
#include "core/wait/wait.h"
#include "core/work/work.h"
#include "net/inet/dhcp.h"
#include "net/inet/stack/configure.h"
#include "net/inet/stack/ethernet.h"
#include <optional>

namespace net::inet {
/// Looks for a lease as long as the interface is up and its link is there. All of it is done by its work, so the client
/// needs no lock. For ever, as the interface.
class DhcpInterface final : public EthernetInterface::Watcher, public Work, private Timer, private DhcpClient::Output {
public:
    /// `host_name` is told to servers; empty: none.
    DhcpInterface(EthernetInterface&, std::string_view host_name);
    /// Begins.
    void start();
    /// Sleeps until there is a lease, at most so long. Whether there is one.
    bool wait(u64 most_ns);

private:
    static constexpr usize most_waiting = 64 * KiB; // true memory of answers
    bool took(PacketBox&) override;
    void changed() override { queue(); }
    bool run(unsigned budget) override;
    void listen(u64 now);
    void send(PacketBox, const Address& from, const Address& to) override;
    void bound(const DhcpLease&) override;
    void lost(const DhcpLease&) override;
    EthernetInterface& interface_;
    DhcpClient client_;
    bool runs_ = false;     // the link is there
    Outbox* box_ = nullptr; // of the work
    const u32 most_mtu_;
    std::optional<Configuration> set_; // as the interface has it
    Guarded<PacketQueue, Spinlock<Rank::network_queue>> heard_;
    std::atomic<bool> has_lease_ = false;
    WaitQueue changed_;
};
} // namespace net::inet
