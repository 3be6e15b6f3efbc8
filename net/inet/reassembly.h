// Fragments put together again (RFC 791, 8200 4.5). Bounded in memory and time; a datagram whose fragments overlap is
// dropped whole (RFC 5722, 8900).
#pragma once
#include "lib/hash.h"
#include "net/inet/ip.h"

namespace net::inet {
class Reassembly {
public:
    static constexpr u64 second = 1'000'000'000;
    static constexpr usize most_datagrams = 256, most_memory = 4 * MiB; // Linux's ipfrag_high_thresh
    static constexpr u64 time_v4 = 30 * second, time_v6 = 60 * second;

    explicit Reassembly(SipHash hash) : hash_{hash} {}
    Reassembly(const Reassembly&) = delete;
    ~Reassembly();

    /// A datagram as if it had come whole: `ip.header` is where its transport's header stands.
    struct Whole {
        PacketBox packet;
        Ip ip;
    };
    /// Takes a fragment. err::again: others are missing; err::inval: the datagram is dropped; err::nomem.
    Result<Whole> add(PacketBox, const Ip&, u64 now);
    /// When timer() wants to be called; ~0: never.
    u64 deadline() const;
    /// Drops what takes too long, and calls expired(const Packet& first_fragment, const Ip&) for each datagram whose
    /// first fragment is there, to report it (ICMP time exceeded).
    template <class F>
    void timer(u64 now, F expired) {
        while (!by_age_.empty() && by_age_.front().expires <= now) {
            Datagram& d = by_age_.front();
            if (Packet* first = d.first()) expired(*first, d.ip);
            drop(d);
        }
    }
    usize memory() const { return memory_; }

private:
    struct ByOffset {
        using type = u32;
        u32 operator()(const Packet& p) const { return p.sequence; }
    };
    struct Key {
        Address source, destination;
        u32 id = 0, interface = 0;
        u64 protocol = 0; // IPv4's datagrams are numbered for each
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Datagram : HashLink<>, ListLink<> {
        Key key;
        Ip ip; // of the first fragment
        bi::set<Packet, bi::key_of_value<ByOffset>, bi::constant_time_size<false>, bi::base_hook<TreeLink<>>> fragments;
        u32 have = 0, total = 0; // bytes; total 0: the last fragment is missing
        u64 expires = 0;
        u8 ecn = 0;           // a bit for each value that was seen
        u16 longest = 0;      // a fragment that must not be cut
        bool verified = true; // all fragments: none has left the machine
        Packet* first() {
            return !fragments.empty() && fragments.begin()->sequence == 0 ? &*fragments.begin() : nullptr;
        }
    };
    struct KeyOf {
        using type = Key;
        const Key& operator()(const Datagram& d) const { return d.key; }
    };
    struct Hash {
        const Reassembly* of;
        usize operator()(const Key& k) const { return of->hash_({reinterpret_cast<const char*>(&k), sizeof k}); }
    };
    using Table =
        bi::unordered_set<Datagram, bi::base_hook<HashLink<>>, bi::key_of_value<KeyOf>, bi::hash<Hash>,
                          bi::equal<std::equal_to<Key>>, bi::power_2_buckets<true>, bi::constant_time_size<false>>;
    static constexpr usize buckets = 64;
    static_assert(std::has_unique_object_representations_v<Key>);

    Result<Datagram*> datagram_of(const Key&, const Ip&, u64 now);
    static bool fits(Datagram&, const Packet&, bool more);
    Result<Whole> join(Datagram&);
    void drop(Datagram&);

    SipHash hash_;
    Table::bucket_type heads_[buckets];
    Table by_key_{Table::bucket_traits(heads_, buckets), Hash{this}};
    bi::list<Datagram, bi::base_hook<ListLink<>>> by_age_;
    usize memory_ = 0;
};
} // namespace net::inet
