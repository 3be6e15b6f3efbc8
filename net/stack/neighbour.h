// Who on the link has which address: the cache that ARP (RFC 826, 1122) and Neighbor Discovery (RFC 4861, 7.3) share,
// with reachability detection for both. No clock, no lock, no link: the caller gives the time and carries out what is
// asked of Output.
#pragma once
#include "lib/hash.h"
#include "net/stack/address.h"
#include "net/stack/packet.h"

namespace net {
/// RFC 4861, 7.3.2; `failed` answers packets at once for a while; `permanent` was set by hand.
enum class Reachability : u8 { incomplete, reachable, stale, delay, probe, failed, permanent };

/// What an advertisement (or an ARP reply) says of itself.
struct Advertised {
    bool solicited = false, override_old = false, router = false;
};

class NeighbourTable {
public:
    /// The table does not change while these are called, and they do not call it.
    class Output {
    public:
        /// Ask who has `target`: all on the link, or the one who had it last.
        virtual void solicit(const Address& target, const std::optional<LinkAddress>& to) = 0;
        virtual void transmit(PacketBox, const LinkAddress& to) = 0;
        /// Nobody has the address: the packet cannot be sent.
        virtual void unreachable(PacketBox) = 0;

    protected:
        ~Output() = default;
    };
    static constexpr usize most = 1024, most_waiting = 64 * KiB; // entries; bytes that wait for one
    static constexpr u64 second = 1'000'000'000;
    /// RFC 4861, 10. A router may set the first two.
    struct Times {
        u64 retransmit = 1 * second, reachable = 30 * second, delay = 5 * second;
        unsigned multicast_probes = 3, unicast_probes = 3;
    };

    explicit NeighbourTable(SipHash hash) : hash_{hash} {}
    NeighbourTable(const NeighbourTable&) = delete;
    ~NeighbourTable() { clear(); }
    Times times;

    /// Sends to a neighbour, or asks who it is and keeps the packet until then.
    void send(PacketBox, const Address& next_hop, u64 now, Output&);
    /// Somebody who asked us something told where it is (RFC 4861, 7.2.3).
    void heard(const Address&, const LinkAddress&, u64 now, Output&);
    /// RFC 4861, 7.2.5. Nothing is entered that nobody has asked for.
    void advertised(const Address&, const std::optional<LinkAddress>&, Advertised, u64 now, Output&);
    /// A protocol above knows that what was sent to it has arrived.
    void confirm(const Address&, u64 now);
    /// Enters by hand. err::nomem, err::nobufs.
    Result<> set(const Address&, const LinkAddress&, Reachability, u64 now, Output&);
    /// False: there is no such.
    bool remove(const Address&);
    void clear();
    /// When timer() wants to be called, or a little before; ~0: never.
    u64 deadline() const { return deadline_; }
    void timer(u64 now, Output&);

    struct Entry {
        Address address;
        LinkAddress link;
        Reachability state;
        bool router;
        u64 confirmed, used, updated; // when
    };
    std::optional<Entry> find(const Address&) const;
    template <class F>
    void for_each(F f) const {
        for (const Neighbour& n : by_address_) f(static_cast<const Entry&>(n));
    }
    usize size() const { return size_; }

private:
    struct Neighbour : Entry, HashLink<> {
        PacketQueue waiting;
        u64 next = ~u64{0}; // when the timer has something to do
        unsigned probes = 0;
    };
    struct KeyOf {
        using type = Address;
        const Address& operator()(const Neighbour& n) const { return n.address; }
    };
    struct Hash {
        const NeighbourTable* table;
        usize operator()(const Address& a) const {
            return table->hash_({reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size()});
        }
    };
    using Table =
        bi::unordered_set<Neighbour, bi::base_hook<HashLink<>>, bi::key_of_value<KeyOf>, bi::hash<Hash>,
                          bi::equal<std::equal_to<Address>>, bi::power_2_buckets<true>, bi::constant_time_size<false>>;
    static constexpr usize buckets = 64;

    Neighbour* lookup(const Address&) const;
    Result<Neighbour*> enter(const Address&, u64 now);
    void drop(Neighbour&);
    bool evict(u64 now);
    void arm(Neighbour&, u64 at);
    void wait_for(Neighbour&, PacketBox, Output&);
    void begin(Neighbour&, u64 now, Output&);
    void known(Neighbour&, const LinkAddress&, Reachability, u64 now, Output&);
    void became_reachable(Neighbour&, u64 now);
    void expired(Neighbour&, u64 now, Output&);
    void give_up(Neighbour&, u64 now, Output&);

    SipHash hash_;
    Table::bucket_type heads_[buckets];
    Table by_address_{Table::bucket_traits(heads_, buckets), Hash{this}};
    usize size_ = 0, unresolved_ = 0;
    u64 deadline_ = ~u64{0};
};
} // namespace net
