// Network address translation (RFC 3022, 4787, 5382, 5508): what containers send outside leaves with the host world's
// address; what comes to published ports goes to containers. ICMP errors about both find their way (RFC 5508).
#pragma once
#include "core/sync/lock.h"
#include "lib/hash.h"
#include "lib/intrusive.h"
#include "net/inet/ip.h"

namespace net::inet {
/// A port of the host world that leads to a container.
struct Publication {
    u8 protocol = 0; // IPPROTO_TCP, IPPROTO_UDP
    Address outside; // unspecified: all addresses of inside's family
    u16 outside_port = 0;
    Endpoint inside;
};

/// Remembers who talks to whom. What a container can make it remember is bounded: then its oldest exchange is
/// forgotten.
class Translation {
public:
    static constexpr usize most_per_container = 4096, most_publications = 256; // the second of one container
    static constexpr u64 second = 1'000'000'000;

    explicit Translation(SipHash hash) : hash_{hash} {}
    ~Translation();
    Translation(const Translation&) = delete;

    /// Whom what comes from within the machine to a published port comes from: an address of the host world that the
    /// container reaches, of each family. Set before the stack has this.
    Address hairpin_v4, hairpin_v6;

    /// err::addrinuse: somebody has that port; err::nospc; err::nomem.
    Result<> publish(const Publication&);
    /// Everything about a container's address goes: exchanges and published ports.
    void forget(const Address& inside);

    /// `ip` says where the transport's header of `p` stands, and its addresses. Both are rewritten, but for the IP
    /// header of `p`.
    /// From inside: gets `outside` as its source. err::nospc: no port is free; err::inval: a protocol without ports;
    /// err::nomem.
    Result<> leave(Packet& p, Ip& ip, const Address& outside, u64 now);
    /// From outside to an address of the host world. False: it is not for a container. `hairpin`, not unspecified: it
    /// comes from within the machine, to a published port; it gets that address of the host world as its source, so
    /// that answers come back here.
    bool enter(Packet& p, Ip& ip, u64 now, const Address& hairpin = {});
    /// From inside to an address of the host world: what answers a hairpin goes to who began it, its IP header
    /// included. False: it is no such thing.
    bool answer(Packet& p, Ip& ip, u64 now);
    /// Whether there are published ports.
    bool publishes() const { return publications_.load(std::memory_order_relaxed); }

    /// Calls f(const Publication&) for each.
    template <class F>
    void for_each_publication(F f) {
        Holding held{lock_};
        for (const Owner& o : owners_)
            for (const Published& p : o.published) f(static_cast<const Publication&>(p));
    }

private:
    struct Key {
        Address near, far; // near: inside, or outside
        u16 near_port = 0, far_port = 0;
        u32 protocol = 0;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Owner;
    struct ByInside;
    struct ByOutside;
    struct Exchange : HashLink<ByInside>, HashLink<ByOutside>, ListLink<> {
        Key inside, outside;
        Owner* owner = nullptr;
        u64 expires = 0;
        bool answered = false, ends = false, hairpin = false; // hairpin: the far ends differ as well
    };
    struct Published : Publication, ListLink<>, HashLink<> {};
    struct Owner : TreeLink<> {
        Address address;
        List<Exchange> exchanges; // the one used last stands last
        List<Published> published;
        usize count = 0;
    };
    struct InsideOf {
        using type = Key;
        const Key& operator()(const Exchange& e) const { return e.inside; }
    };
    struct OutsideOf {
        using type = Key;
        const Key& operator()(const Exchange& e) const { return e.outside; }
    };
    /// The host world's side: of one there are several where each has an address.
    struct Port {
        u32 protocol = 0, number = 0;
        friend bool operator==(const Port&, const Port&) = default;
    };
    struct PortOf {
        using type = Port;
        Port operator()(const Published& p) const { return {p.protocol, p.outside_port}; }
    };
    struct AddressOf {
        using type = Address;
        const Address& operator()(const Owner& o) const { return o.address; }
    };
    struct Hash {
        const Translation* of;
        template <class K>
        usize operator()(const K& k) const {
            static_assert(std::has_unique_object_representations_v<K>);
            return of->hash_({reinterpret_cast<const char*>(&k), sizeof k});
        }
    };
    template <class Link, class KeyOf>
    using Table =
        bi::unordered_set<Exchange, bi::base_hook<HashLink<Link>>, bi::key_of_value<KeyOf>, bi::hash<Hash>,
                          bi::equal<std::equal_to<Key>>, bi::power_2_buckets<true>, bi::constant_time_size<false>>;
    using Inside = Table<ByInside, InsideOf>;
    using Outside = Table<ByOutside, OutsideOf>;
    using Ports = bi::unordered_multiset<Published, bi::base_hook<HashLink<>>, bi::key_of_value<PortOf>, bi::hash<Hash>,
                                         bi::equal<std::equal_to<Port>>, bi::power_2_buckets<true>,
                                         bi::constant_time_size<false>>;
    static constexpr usize buckets = 1024;

    Result<Owner*> owner_of(const Address&);
    Result<Exchange*> begin(const Key& inside, const Address& outside, u64 now);
    Published* find_published(u8 protocol, const Address& outside, u16 port);
    Result<Exchange*> enter_published(const Key& outside, const Address& hairpin, u64 now);
    enum class Way : u8 { in, out };
    bool lead_error(Packet&, Ip&, Way, u64 now);
    Result<Exchange*> make_exchange(const Key& inside, const Key& outside, u64 now);
    void use(Exchange&, u8 tcp_flags, bool answer, u64 now);
    void drop(Exchange&);
    template <class T>
    Exchange* find(T& table, const Key& k, u64 now);

    Spinlock<Rank::network_queue> lock_;
    SipHash hash_;
    typename Inside::bucket_type inside_heads_[buckets];
    Inside by_inside_{typename Inside::bucket_traits(inside_heads_, buckets), Hash{this}};
    typename Outside::bucket_type outside_heads_[buckets];
    Outside by_outside_{typename Outside::bucket_traits(outside_heads_, buckets), Hash{this}};
    typename Ports::bucket_type port_heads_[buckets];
    Ports ports_{typename Ports::bucket_traits(port_heads_, buckets), Hash{this}};
    std::atomic<u32> publications_ = 0;
    std::atomic<bool> has_hairpins_ = false; // there has been one
    bi::set<Owner, bi::key_of_value<AddressOf>, bi::constant_time_size<false>, bi::base_hook<TreeLink<>>> owners_;
};
} // namespace net::inet
