// One network: the interfaces, addresses and routes of a network namespace, network_namespaces(7).
#pragma once
#include "core/wait/mutex.h"
#include "core/work/work.h"
#include "kernel/views/namespaces.h"
#include "net/inet/icmp.h"
#include "net/inet/reassembly.h"
#include "net/inet/stack/interface.h"
#include "net/inet/stack/path_mtu.h"
#include "net/inet/stack/settings.h"
#include "net/inet/stack/statistics.h"
#include "net/inet/stack/tap.h"
#include "net/inet/stack/translation.h"
#include "net/stack/route.h"

namespace net::inet {
/// A way to somewhere. Right as long as the stack's generation() is the same.
struct Path {
    Ref<Interface> out;
    Address source;   // of what goes there, unless its sender says otherwise
    Address next_hop; // the neighbour that gets it
    RouteKind kind = RouteKind::unicast;
    u32 mtu = 0;
    u32 generation = 0;
};

/// A change of a network's configuration that has been made.
struct NetworkChange {
    enum Kind : u8 { link, link_gone, address, address_gone, route, route_gone } kind;
    Interface* interface = nullptr; // null for routes
    const InterfaceAddress* address_changed = nullptr;
    const Route* route_changed = nullptr;
};

class Stack final : public NetworkNamespace::Objects {
public:
    /// Makes it at the first use, with its loopback interface, which is up. err::nomem.
    static Result<Stack*> in(NetworkNamespace&);
    /// Null: nobody has used it.
    static Stack* find(NetworkNamespace& of) { return static_cast<Stack*>(of.objects.load(std::memory_order_acquire)); }
    Stack();
    ~Stack() override;
    Settings settings;
    Statistics statistics;
    /// What a transport keeps for each network; null: nothing yet.
    struct Part {
        virtual ~Part() = default;
    };
    std::atomic<Part*> tcp = nullptr;
    /// Who looks on; null: nobody ever has.
    std::atomic<LinkTap*> link_tap = nullptr;
    /// Shows a frame to those who look on.
    void show(const PassingFrame& f) {
        auto* tap = link_tap.load(std::memory_order_acquire);
        if (tap && tap->users.load(std::memory_order_relaxed)) [[unlikely]]
            tap->passes(f);
    }

    // Interfaces.
    Interface& loopback() const { return *loopback_; }
    Ref<Interface> find(u32 index);
    Ref<Interface> find(std::string_view name);
    /// Gives it a number. "%d" in its name becomes the first free number. err::exist, err::nomem.
    Result<> add(Ref<Interface>);
    /// With its addresses and routes.
    void remove(Interface&);
    /// IFF_UP and the like, of `mask`. Adds or takes away the routes of its addresses.
    Result<> set_flags(Interface&, u32 flags, u32 mask);
    Result<> set_mtu(Interface&, u32 mtu); // err::inval
    /// Calls f(Interface&) for each, by index, under the lock: it must not sleep.
    template <class F>
    void for_each_interface(F f) {
        Holding held{lock_};
        for (Interface& i : interfaces_) f(i);
    }

    /// The first one behind a number; null: none.
    Ref<Interface> next(u32 index);
    /// Another name. err::exist; err::inval: not one that an interface can have.
    Result<> rename(Interface&, std::string_view);
    FixedString<IFNAMSIZ - 1> name_of(const Interface&);

    // Addresses.
    /// err::nomem.
    Result<Vector<InterfaceAddress>> addresses_of(const Interface&);
    /// With the routes that belong to it. err::exist; err::nobufs: too many; err::nomem.
    Result<> add(Interface&, const InterfaceAddress&);
    /// err::addrnotavail: it has none such. `prefix` 0: any.
    Result<> remove(Interface&, const Address&, u8 prefix = 0);
    /// Other flags and times of an address that it has. err::addrnotavail.
    Result<> change(Interface&, const InterfaceAddress&);
    /// IFA_F_* of an address of an interface; nothing: it is none.
    std::optional<u32> address_flags(const Interface&, const Address&);
    /// Settings have changed that interfaces look at: as Interface::changed(), for all. Where IPv6 is disabled no
    /// address of it stays.
    void settings_changed();
    /// Whether it is an address of this stack.
    bool is_local(const Address&);
    /// Whether one may bind to it: the broadcast addresses of its networks as well.
    bool is_own(const Address&);
    /// The number of the interface that has an address; 0: none has.
    u32 interface_of(const Address&);
    /// The address of an interface with which to ask for a neighbour; unspecified: it has none.
    Address source_on(Interface&, const Address& neighbour);

    // Groups.
    /// Somebody hears of a group by an interface; as often as it leaves. err::nobufs: too many; err::nomem.
    Result<> join(Interface&, const Address& group);
    void leave(Interface&, const Address& group);

    // Routes.
    Result<> add(const Route&);
    /// The first that equals in destination and kind, and in metric, interface and gateway where they are given.
    Result<> remove(const Route&); // err::srch
    bool has(const Route&);
    template <class F>
    void for_each_route(F f) {
        Holding held{lock_};
        routes_.for_each(f);
    }
    /// Some routes from the `skip`th on, in the order of their prefixes; how many there were. For who lists them: many
    /// at a time, since each call passes those before.
    usize routes(usize skip, std::span<Route> to);
    /// Whose MTU a path has: also what routers on the way have said, which is for this machine's own packets only.
    enum class MtuOf : u8 { path, link };
    /// The way to an address. `from` unspecified: the source is chosen. `interface` not 0: by that one.
    /// err::netunreach, err::hostunreach, err::acces, err::inval: as the route says; err::nodev: no such interface.
    Result<Path> route(const Address& to, const Address& from, u32 interface, MtuOf = MtuOf::path);
    /// A router wants packets to an address to be no larger: told by somebody who has sent such a packet. Under
    /// spinlocks above Rank::network.
    void learn_mtu(const Address& to, u32 mtu);
    /// What an address is to a packet that came in by an interface: local, broadcast or multicast are for this machine.
    RouteKind kind_of(const Address&, const Interface& in);
    /// Changes with every change of what route() would say.
    u32 generation() const { return generation_.load(std::memory_order_acquire); }

    /// Of the packets that pass through; null: none are translated. Set once.
    std::atomic<Translation*> translation = nullptr;
    /// Told of every change, without spinlocks; null: nobody. Set once, at boot.
    static std::atomic<void (*)(Stack&, const NetworkChange&)> watcher;

    /// Takes a fragment. Null: others are missing, or it was dropped.
    std::optional<Reassembly::Whole> reassemble(PacketBox, const Ip&, u64 now);
    /// How often errors are told.
    Guarded<IcmpLimit, Spinlock<Rank::network>> icmp_limit;

private:
    struct ByIndex {
        using type = u32;
        u32 operator()(const Interface& i) const { return i.index_; }
    };
    using Interfaces =
        bi::set<Interface, bi::base_hook<TreeLink<>>, bi::key_of_value<ByIndex>, bi::constant_time_size<false>>;

    /// Drops fragments that have waited for too long, and tells their senders.
    class Expiry final : public Work {
    public:
        explicit Expiry(Stack& stack) : stack_{stack} {}
        void expect(u64 deadline);
        void end();

    private:
        bool run(unsigned) override;
        struct Alarm final : Timer {
            explicit Alarm(Expiry& e) : Timer{[](Timer& t) { static_cast<Alarm&>(t).of.queue(); }}, of{e} {}
            Expiry& of;
        } alarm_{*this};
        Stack& stack_;
        std::atomic<bool> armed_ = false;
    };
    Interface* by_name(std::string_view);
    Result<> choose_name(Interface&);
    Result<> add_routes_of(Interface&, const InterfaceAddress&);
    void remove_routes_of(Interface&, const InterfaceAddress&);
    Result<Path> path_by(const Route&, const Address& to, const Address& from);
    Result<Path> path_on_link(u32 interface, const Address& to, const Address& from);
    Address first_v6(const Interface&);
    Address choose_source(const Interface& out, const Address& to, const Address& next_hop);
    void tell(const NetworkChange& c) {
        if (auto told = watcher.load(std::memory_order_acquire)) told(*this, c);
    }
    void change() { generation_.fetch_add(1, std::memory_order_acq_rel); }

    Guarded<Reassembly, Spinlock<Rank::network>> fragments_;
    Expiry expiry_{*this};
    /// Held over changes that take several steps.
    Mutex<Rank::network_configuration> configuration_;
    /// Guards what follows, and what interfaces have under it.
    Spinlock<Rank::network> lock_;
    Interfaces interfaces_;
    RouteTable routes_;
    PathMtus path_mtus_;
    u32 next_index_ = 1;
    Interface* loopback_ = nullptr;
    std::atomic<u32> generation_ = 1;
    /// What path_mtus_ knows is out of date. Each learn() is a change as well, so one alarm after the last is enough.
    struct Forget final : Timer {
        explicit Forget(Stack& s) : Timer{[](Timer& t) { static_cast<Forget&>(t).of.change(); }}, of{s} {}
        Stack& of;
    } forget_mtus_{*this};
};
} // namespace net::inet
