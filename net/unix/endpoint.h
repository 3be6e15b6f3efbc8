// The protocol's side of a Unix socket. The file owns it; peers, and packets in the queues of others, keep it after
// that is closed.
#pragma once
#include "core/wait/mutex.h"
#include "kernel/socket/options.h"
#include "kernel/views/namespaces.h"
#include "net/unix/packet.h"
#include <linux/eventpoll.h>

namespace unix_sockets {
class Name;

/// What waiters and poll(2) are told of.
inline constexpr u32 readable_events = EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND;
inline constexpr u32 writable_events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

enum class State : u8 { unconnected, listening, connected };
enum : u8 { no_more_reads = 1, no_more_writes = 2, both_ways = 3 };

/// Who listens or has connected, as the other end is told.
struct PeerCredentials {
    sockets::Identity identity;
    Ref<const Credentials> credentials;
    static PeerCredentials of_caller();
};

class Endpoint : public RefCounted<Endpoint>, public ChainLink<Endpoint> {
public:
    using Lock = Spinlock<Rank::socket_state>;
    /// `type`: SOCK_*. In the caller's network namespace.
    static Result<Ref<Endpoint>> create(int type);
    ~Endpoint();

    const u8 type;
    bool connection_based() const;
    const Ref<NetworkNamespace> network;
    sockets::Options options;
    /// Of the file; 0: it is closed, or nobody has accepted it.
    std::atomic<u64> inode = 0;
    /// Some of a network's endpoints. `at` is 0 for the first, and where the others are afterwards; returns how many
    /// there were: fewer than asked for: no more. For who lists them.
    static usize some(const NetworkNamespace&, u64& at, std::span<Ref<Endpoint>> to);
    /// Who waits for readiness.
    WaitQueue changed;
    /// Who waits for room in the queue: of datagrams, or of connections.
    WaitQueue room;

    /// Guards what is between here and `reading`; what is atomic is read without it.
    Lock lock;
    std::atomic<State> state = State::unconnected;
    std::atomic<u8> shut = 0;
    std::atomic<bool> closed = false;
    /// Of what is connected: set once in a stream, whose reader and writer need no lock for it; may change in
    /// datagrams.
    Ref<Endpoint> peer;
    PeerCredentials peer_credentials;
    /// Of a connection that nobody has accepted: who listens.
    Ref<Endpoint> embryo_of;
    std::atomic<bool> unaccepted = false;
    /// Packets, or connections that nobody has accepted; and how many there may be.
    std::atomic<u32> queued = 0;
    std::atomic<u32> most_queued = 0;
    std::atomic<usize> queued_bytes = 0;
    /// The packet of the last urgent byte that nobody has read or passed.
    std::atomic<Packet*> urgent = nullptr;
    Ref<Name> name;

    /// One reader at a time: from finding the first packet until it is taken out.
    Mutex<Rank::socket> reading;
    /// Memory of what was sent and nobody has taken.
    std::atomic<usize> sent = 0;
    /// Open files in its queue that are sockets: collector.h.
    Box<Flights> flights;

    /// The first packet. For who holds `reading`.
    Packet* first() const { return first_.load(std::memory_order_acquire); }
    /// Under the lock.
    void push(Packet*);
    /// Takes the first one out. For who holds `reading`; takes the lock.
    Packet* pop();
    /// All of them, as a list. For who holds `reading`; takes the lock.
    Packet* pop_all();
    /// Closes and frees what such a list has; `peer` is who has sent what has no sender. Without locks.
    void drop_queue(Packet* first, const Ref<Endpoint>& peer);
    void push_connection(Ref<Endpoint>);
    Ref<Endpoint> pop_connection();

    bool has_name() const { return name_set_.load(std::memory_order_acquire); }
    /// Once; under the lock. What was there is a name, too (err::inval).
    Result<> set_name(Ref<Name>);
    Ref<Name> get_name();
    Ref<Endpoint> get_peer();

    /// Whether writers have what poll(2) calls room.
    bool writable() const {
        return sent.load(std::memory_order_relaxed) * 4 <= options.send_buffer.load(std::memory_order_relaxed);
    }
    /// `memory` of what this one has sent is free again.
    void give_back(usize memory);
    /// The queue has no room for a datagram of somebody else than its peer.
    bool full() const { return queued.load(std::memory_order_relaxed) > most_queued.load(std::memory_order_relaxed); }
    /// The socket goes, or a connection that nobody has taken: tells the peer, drops what is queued.
    void close();

    Endpoint(int type, Ref<NetworkNamespace>);

private:
    // listing.cpp
    void enlist();
    void unlist();
    std::atomic<Packet*> first_ = nullptr;
    Packet* last_ = nullptr;
    Ref<Endpoint> first_connection_; // a list through next_connection_
    Endpoint* last_connection_ = nullptr;
    Ref<Endpoint> next_connection_;
    std::atomic<bool> name_set_ = false;
};
} // namespace unix_sockets
