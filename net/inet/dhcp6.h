// Stateless DHCPv6 (RFC 8415, 6.1 and 18.2.6): what a router leaves to a server, servers of names and domains to
// search. No clock, no socket, no interface: the caller gives the time and what servers say, and carries out what is
// asked of Output.
#pragma once
#include "lib/hash.h"
#include "lib/string.h"
#include "net/stack/address.h"
#include "net/stack/packet.h"

namespace net::inet {
inline constexpr u16 dhcp6_server_port = 547, dhcp6_client_port = 546;
inline constexpr Address all_dhcp6_servers = Address::v6({0xff02, 0, 0, 0, 0, 0, 1, 2}); // and relays

/// What a server says: the data of a UDP datagram.
struct Dhcp6Reply {
    static constexpr usize most_servers = 3;
    static constexpr u32 infinite = ~u32{0};
    u32 transaction = 0; // 24 bits
    std::array<Address, most_servers> dns{};
    usize dns_count = 0;
    FixedString<200> search; // domains, a space between two
    u32 refresh = 86400;     // seconds until it is to be asked again (RFC 8415, 21.23)
    u32 longest_wait = 3600; // seconds between two questions (21.25)
};
/// err::inval: not a reply to a client with this link address, no server's, or options that end before they should.
Result<Dhcp6Reply> parse_dhcp6(const Packet&, const LinkAddress& client);
/// An Information-request. `hundredths` of a second since the client began.
Result<PacketBox> make_dhcp6(u32 transaction, u16 hundredths, const LinkAddress& client);

class Dhcp6Client {
public:
    /// The client does not change while these are called, and they do not call it.
    class Output {
    public:
        /// A datagram's data, from the client's port to the port of all servers on the link.
        virtual void send_dhcp6(PacketBox) = 0;
        /// What a server says; nothing: it does not hold any more.
        virtual void told_by_dhcp6(const Dhcp6Reply&) = 0;

    protected:
        ~Output() = default;
    };
    static constexpr u64 second = 1'000'000'000, never = ~u64{0};

    Dhcp6Client(const LinkAddress& link, SipHash random) : link_{link}, random_{random} {}
    Dhcp6Client(const Dhcp6Client&) = delete;

    /// A router says that there is a server to ask; more than once is the same.
    void start(u64 now);
    /// The link has gone: so has what was told.
    void stop(Output&);
    void received(const Packet& data, u64 now, Output&);
    /// When timer() wants to be called; `never`.
    u64 deadline() const { return next_; }
    void timer(u64 now, Output&);
    /// Whether it has asked and nobody has answered.
    bool listens() const { return state_ == State::asking; }

private:
    enum class State : u8 { idle, waiting, asking, told };
    u64 random(u64 below);
    /// `t`, a tenth more or less at most (RFC 8415, 15).
    u64 about(u64 t) { return t - t / 10 + random(t / 5 + 1); }
    void wait(u64 from);

    const LinkAddress link_;
    const SipHash random_;
    u64 randoms_ = 0;
    State state_ = State::idle;
    bool has_told_ = false;
    u32 transaction_ = 0;
    u64 begun_ = 0, interval_ = 0, longest_ = 3600 * second, next_ = never;
};
} // namespace net::inet
