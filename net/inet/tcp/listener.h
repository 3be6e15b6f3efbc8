// A listening socket's half of the handshake (RFC 9293, 3.10.7.2 and 3.10.7.4): a few bytes for each that has begun,
// and none when there are too many (SYN cookies, RFC 4987).
#pragma once
#include "net/inet/tcp/connection.h"
#include "net/inet/tcp/sequence_keys.h"

namespace net::tcp {
class Listener {
public:
    Listener(const SequenceKeys& keys, SipHash hash) : keys_{keys}, hash_{hash} {}
    Listener(const Listener&) = delete;
    ~Listener();
    Tuning tuning; // of connections to come
    MemoryAccount* account = nullptr;
    u32 backlog = 128;   // handshakes that have begun, at most; the accept queue is the owner's
    u8 retries = 5;      // tcp_synack_retries
    u8 defer_accept = 0; // a connection is one when data has come, or after so many SYN-ACKs

    struct Answer {
        enum : u8 { nothing, send, establish } what = nothing;
        Header header;     // send
        Accepted accepted; // establish: a Connection is made of it and given the same segment
    };
    /// A segment that no connection has. `full`: the accept queue. `least_iss`: after a TimeWait.
    Answer segment(const Segment&, const Endpoint& local, const Endpoint& remote, u32 mtu, bool full, Time now,
                   std::optional<Seq> least_iss = {});
    Time deadline() const;
    /// Calls send(const Header&, const Endpoint& local, const Endpoint& remote) for SYN-ACKs that go once more.
    template <class F>
    void timer(Time now, F send) {
        while (Request* r = due(now))
            if (r->tries > retries + 1)
                drop(*r);
            else
                send(syn_ack(*r, now), r->local, r->remote);
    }
    usize half_open() const { return count_; }

private:
    struct Key {
        Endpoint local, remote;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Request : HashLink<>, ListLink<>, Key {
        Seq iss, irs;
        Options options;
        u32 window = 0, mtu = 0;
        Time sent_at = 0, next_at = 0;
        u8 tries = 0;
    };
    struct KeyOf {
        using type = Key;
        const Key& operator()(const Request& r) const { return r; }
    };
    struct Hash {
        const Listener* of;
        usize operator()(const Key&) const;
    };
    using Table =
        bi::unordered_set<Request, bi::base_hook<HashLink<>>, bi::key_of_value<KeyOf>, bi::hash<Hash>,
                          bi::equal<std::equal_to<Key>>, bi::power_2_buckets<true>, bi::constant_time_size<false>>;
    static constexpr usize buckets = 64;
    static constexpr u8 most_tries = 16;

    Answer take_syn(const Segment&, const Key&, u32 mtu, bool full, Time now, std::optional<Seq> least_iss);
    Answer take_ack(const Segment&, const Key&, u32 mtu, bool full, Time now);
    Answer check_cookie(const Segment&, const Key&, u32 mtu, bool full, Time now);
    Answer cookie(const Segment&, const Key&, u32 mtu, Time now);
    static Answer refuse(const Segment&);
    Header syn_ack(Request&, Time now);
    Header syn_ack_header(const Key&, const Options&, u32 mtu, Time now) const;
    Request* find(const Key&);
    Request* due(Time now);
    void wait_again(Request&, Time now);
    void drop(Request&);

    const SequenceKeys keys_;
    SipHash hash_;
    Table::bucket_type heads_[buckets];
    Table by_key_{Table::bucket_traits(heads_, buckets), Hash{this}};
    List<Request> by_tries_[most_tries + 1]; // of one list, all wait equally long: the first is due first
    usize count_ = 0;
    Time last_cookie_ = 0;
};
} // namespace net::tcp
