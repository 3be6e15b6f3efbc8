// From addresses and ports to sockets: who has which port, and whom a packet is for.
#pragma once
#include "kernel/views/ids.h"
#include "lib/intrusive.h"
#include "net/inet/stack/stack.h"

namespace net::inet {
class Port;
struct FlowShown;

/// What a port leads to: the protocol's side of a socket, or what is left of a connection. While it is bound, the
/// tables hold a reference.
class Flow : public RefCounted<Flow>, public ListLink<> {
public:
    enum class Kind : u8 { datagrams, connection, time_wait };
    virtual ~Flow() = default;
    Flow(const Flow&) = delete;

    Stack& stack() const { return stack_; }
    Kind kind() const { return kind_; }
    u8 protocol() const { return protocol_; } // IPPROTO_*
    /// Set by the functions below. They change only under its owner's lock, and a connected flow's do not change.
    Endpoint local, remote; // port 0: none; unspecified address: any
    /// Set before it is bound.
    std::atomic<u32> interface = 0; // the only one that it hears of; 0: all. May change later
    bool v6 = false;                // a socket of AF_INET6: hears of IPv4 too, unless `v6_only`
    bool v6_only = false;
    bool reuse_address = false, reuse_port = false; // as the options were when it was bound
    Kuid user{0};                                   // who may share the port by SO_REUSEPORT

    bool bound() const { return port_.load(std::memory_order_acquire); }
    bool receives() const { return receives_; }
    /// A new connection wants its place between two endpoints; true: it is out of the tables. Without locks of the
    /// tables.
    virtual bool make_way() { return false; }
    /// What is told of it to who lists sockets. Without locks.
    virtual void show(FlowShown&) = 0;

protected:
    Flow(Kind kind, u8 protocol, Stack& stack) : stack_{stack}, kind_{kind}, protocol_{protocol} {}

private:
    friend class Port;
    friend class Flows;
    Stack& stack_;
    const Kind kind_;
    const u8 protocol_;
    bool receives_ = false, connected_ = false;
    std::atomic<Port*> port_ = nullptr;
    Flow* next_ = nullptr; // in a bucket of connections
};

/// The tables. Each bucket has a lock of its own (Rank::socket_ports), so what is done for one port or connection is in
/// nobody's way; the cost grows neither with the sockets nor with the networks.
class Flows {
public:
    /// Gives it an address and a port of this machine's; port 0: one that is free. err::addrinuse; err::nomem.
    static Result<> bind(Flow&, const Endpoint&);
    /// From now on packets to its port are for it, unless a connected flow has them: sockets that listen, datagrams.
    /// err::addrinuse: somebody else does.
    static Result<> receive(Flow&);
    /// No more: what comes is refused.
    static void stop_receiving(Flow&);
    /// Packets between these two are for it. Without a port it gets one that makes the pair a new one.
    /// err::addrnotavail: no port is free, or the pair is taken; err::nomem.
    static Result<> connect(Flow&, const Address& local, const Endpoint& remote);
    /// Only packets to its port: it hears of everybody again.
    static void disconnect(Flow&);
    /// A connection that came to the port of `parent`: shares it. err::exist: there is one between these two.
    static Result<> enter(Flow& child, Flow& parent);
    /// What is left of a connection takes its place.
    static void replace(Flow& gone, Flow& by);
    /// Out of the tables. Twice does nothing.
    static void remove(Flow&);

    /// Whose packets those from `remote` to `local` are. Null: nobody's.
    static Ref<Flow> find(const Stack&, u8 protocol, const Endpoint& local, const Endpoint& remote, u32 interface);
    /// Who receives what comes to a port. Of those who share it, one by a hash of the addresses.
    static Ref<Flow> find_receiver(const Stack&, u8 protocol, const Endpoint& local, const Endpoint& remote,
                                   u32 interface);
    /// All flows that would take a packet, for multicast and broadcast: the next one after `after` (null: the first).
    static Ref<Flow> next_receiver(const Stack&, u8 protocol, const Endpoint& local, const Endpoint& remote,
                                   u32 interface, const Flow* after);
    /// A flow of datagrams that receives hears only of `remote` from now on, which it sends to as `local`. Port 0: of
    /// everybody. By one at a time.
    static void associate(Flow&, const Address& local, const Endpoint& remote);
    /// find(), then find_receiver(), with one lookup where few have the port: whose a datagram is.
    static Ref<Flow> find_datagrams(const Stack&, u8 protocol, const Endpoint& local, const Endpoint& remote,
                                    u32 interface);
    /// Some flows of a stack: of TCP those that listen, and what is between two endpoints. `at` is 0 for the first, and
    /// where the others are afterwards; returns how many there were: 0: no more. A pass over all takes time by their
    /// number, whatever the order of their ports. For who lists them.
    static usize some(const Stack&, u8 protocol, u64& at, std::span<Ref<Flow>> to);

private:
    struct PortBucket {
        Spinlock<Rank::socket_ports> lock;
        Port* first = nullptr;
    };
    struct PairBucket {
        Spinlock<Rank::socket_ports> lock;
        Flow* first = nullptr;
    };
    static constexpr usize port_buckets = 1024, pair_buckets = 4096;
    static PortBucket ports_[port_buckets];
    static PairBucket pairs_[pair_buckets];

    static PortBucket& bucket_of(const Stack&, u8 protocol, u16 port);
    static PairBucket& bucket_of(const Stack&, u8 protocol, const Endpoint& local, const Endpoint& remote);
    static Port* find_port(PortBucket&, const Stack&, u8 protocol, u16 port);
    static Result<> take_port(Flow&, const Endpoint&, bool by_connect);
    static Result<u16> choose_port(Flow&, const Address&);
    static Result<> choose_and_connect(Flow&);
    static Ref<Flow> enter_pair(Flow&);
    static bool enter_new_pair(Flow&);
    static bool leave_pair(Flow&);
    static void leave_port(Flow&);
    static bool hears(const Flow&, const Endpoint& local, const Endpoint& remote, u32 interface, unsigned& score);
    static Flow* best_of(List<Flow>&, const Endpoint& local, const Endpoint& remote, u32 interface);
    static void move_to(Flow&, bool receivers);
};

/// A port in use.
class Port {
public:
    Port(const Stack& of, u8 proto, u16 n) : stack{of}, protocol{proto}, number{n} {}
    const Stack& stack;
    const u8 protocol;
    const u16 number;
    /// Those who get packets by the port, and the others who have it.
    List<Flow> receivers, others;
    /// All have it only because they connected: who connects elsewhere may have it too.
    bool by_connect = false;
    Port* next = nullptr;
    bool conflicts(const Flow& wants, const Endpoint& at) const;

private:
    friend class Flows;
};
} // namespace net::inet
