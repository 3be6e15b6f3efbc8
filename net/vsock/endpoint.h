// The side of a socket of AF_VSOCK that packets come to.
#pragma once
#include "core/wait/mutex.h"
#include "kernel/socket/options.h"
#include "kernel/views/view.h"
#include "lib/intrusive.h"
#include "net/vsock/bytes.h"
#include "net/vsock/connection.h"
#include "net/vsock/transport.h"
#include <optional>

namespace vsock {
/// An address and a port.
struct Name {
    u32 cid = cid_any, port = port_any;
    friend bool operator==(const Name&, const Name&) = default;
};

class Endpoint final : public RefCounted<Endpoint>, public ListLink<Endpoint>, private Connection::Output {
public:
    enum class Phase : u8 { idle, connecting, connected, listening, over };
    static constexpr u64 default_buffer = 256 * 1024, least_buffer = 128, largest_buffer = 16 << 20;

    Endpoint(WireType type, View&);
    Endpoint(WireType type, const Endpoint& listener);
    const Ref<NetworkNamespace> network;
    const Ref<Cgroup> payer;
    const WireType type;
    sockets::Options options;
    WaitQueue changed;
    Mutex<Rank::socket> reading, writing; // users keep each other apart
    Spinlock<Rank::socket_state> lock;    // guards what follows

    Phase phase = Phase::idle;
    Name local, peer;
    std::optional<Connection> connection;
    ByteQueue bytes;    // of messages: each part with its header
    usize messages = 0; // that are whole
    bool in_message = false;
    u64 buffer = default_buffer, buffer_least = least_buffer, buffer_most = default_buffer;
    u64 connect_timeout_ns = 2'000'000'000;
    /// Of a part of a message in `bytes`.
    struct Part {
        u32 length, flags;
    };

    /// err::addrinuse, err::addrnotavail, err::acces, err::inval: it has one.
    Result<> bind(const Name&, bool privileged);
    /// err::inval: it has no name.
    Result<> listen(u32 backlog);
    /// Asks; the answer changes `phase`. err::nodev: nothing leads there; err::socktnosupport: messages do not;
    /// err::isconn, err::already, err::inval: it listens.
    Result<> connect(const Name&);
    /// Null: none waits.
    Ref<Endpoint> accept();
    /// It has been closed, or is given up: what comes is refused.
    void close();

    // Under the lock.
    void transmit(const Header&, net::PacketBox data);
    void consumed(u32 n) { connection->consumed(n, *this); }
    void want_credit() { connection->want_credit(*this); }
    void shut_down(u32 flags) { connection->shut_down(flags, *this); }
    void set_buffer(u32 n);
    bool readable() const { return type == wire_stream ? bytes.size() != 0 : messages != 0; }
    /// The reader gets no more than what is there.
    bool ended() const {
        return phase == Phase::over || !connection || (connection->peer_shutdown() & no_more_sends) ||
               (connection->own_shutdown() & no_more_receives);
    }
    bool closed_for_sending() const {
        return phase == Phase::over || !connection || (connection->own_shutdown() & no_more_sends) ||
               (connection->peer_shutdown() & no_more_receives);
    }
    usize pending() const { return pending_; }

    /// Finds whom a packet is for. `in`: the network that it is in; `here`: it has not left the machine.
    static void arrived(net::PacketBox, NetworkNamespace& in, bool here);
    /// Ends all connections with the hypervisor.
    static void reset_all();

private:
    Ref<Endpoint> leave_entered();
    void send(const Header&) override;
    void take(const Header&, const net::Packet&);
    Result<> keep(const Header&, const net::Packet&);
    void take_request(const Header&, bool here);
    void over(Errno);
    bool is_between(const NetworkNamespace& in, const Header&) const;

    bool bound_ = false, entered_ = false; // in which tables it is
    bool here_ = false;                    // its peer is in this machine
    bool lost_ = false;                    // its connection, with the transport's; the bucket's lock guards it
    u32 own_cid_ = cid_any;                // of its connection
    Endpoint* next_bound_ = nullptr;
    Endpoint* next_entered_ = nullptr;
    Ref<Endpoint> first_pending_, next_pending_;
    u32 pending_ = 0, backlog_ = 0;
};
} // namespace vsock
