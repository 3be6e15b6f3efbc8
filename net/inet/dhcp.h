// A client of DHCPv4 (RFC 2131, 4.4). No clock, no socket, no interface: the caller gives the time and what servers
// say, and carries out what is asked of Output.
#pragma once
#include "lib/hash.h"
#include "net/inet/dhcp_message.h"

namespace net::inet {
class DhcpClient {
public:
    /// The client does not change while these are called, and they do not call it.
    class Output {
    public:
        /// A datagram's data, from the client's port to the server's. From 0.0.0.0 it goes to everybody on the link.
        virtual void send(PacketBox, const Address& from, const Address& to) = 0;
        /// The address may be used, or the lease of the one before goes on; what else it says may have changed.
        virtual void bound(const DhcpLease&) = 0;
        /// The address must not be used any more.
        virtual void lost(const DhcpLease&) = 0;

    protected:
        ~Output() = default;
    };
    static constexpr u64 second = 1'000'000'000;
    static constexpr u32 least_seconds = 60; // of a lease, whatever the server says

    DhcpClient(const LinkAddress&, SipHash random, std::string_view host_name = {});
    DhcpClient(const DhcpClient&) = delete;

    /// The link is there: looks for a server, or asks whether the lease it has is still good (4.4.2).
    void start(u64 now, Output&);
    /// The link has gone. The lease stays, and so does its end.
    void pause();
    /// Gives the lease back (4.4.6), and ends.
    void release(u64 now, Output&);
    /// A datagram from a server's port to the client's.
    void received(const Packet& data, u64 now, Output&);
    /// When timer() wants to be called; ~0: never.
    u64 deadline() const;
    void timer(u64 now, Output&);

    bool has_lease() const { return has_lease_; }
    const DhcpLease& lease() const { return lease_; }

private:
    enum class State : u8 { idle, selecting, requesting, rebooting, bound, renewing, rebinding };
    u64 random(u64 below);
    void select(u64 now, Output&);
    void begin(State, u64 now);
    void ask(u64 now, Output&);
    void take_offer(const DhcpReply&, u64 now, Output&);
    void take_lease(const DhcpReply&, u64 now, Output&);
    void start_over(u64 now, Output&);
    void lose(Output&);

    const LinkAddress link_;
    const SipHash random_;
    const FixedString<64> host_name_;
    u64 randoms_ = 0;
    State state_ = State::idle;
    bool has_lease_ = false;
    DhcpLease lease_, offer_;
    u32 transaction_ = 0;
    unsigned tries_ = 0;
    u64 begun_ = 0, next_ = ~u64{0};                                      // of what is asked
    u64 renew_at_ = ~u64{0}, rebind_at_ = ~u64{0}, expires_at_ = ~u64{0}; // of the lease
};
} // namespace net::inet
