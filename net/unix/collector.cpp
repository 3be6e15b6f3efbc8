#include "net/unix/collector.h"
#include "core/time/clock.h"
#include "core/wait/mutex.h"
#include "net/unix/endpoint.h"
#include "net/unix/socket.h"

namespace unix_sockets {
namespace {
using sockets::Rights;

/// All that is in flight. The mutex keeps sockets from entering and leaving flight; a file whose references are all in
/// flight cannot get others meanwhile.
struct Graph {
    Mutex<Rank::in_flight> lock;
    Chain<Flights> all;
};
constinit Graph graph;
constinit std::atomic<usize> total = 0;
constinit std::atomic<bool> suspicious = false;
constinit WaitQueue work;

/// The endpoint behind a file, if it is a Unix socket.
Endpoint* endpoint_of(File& file) {
    auto socket = sockets::of(file);
    return socket && is_unix(**socket) ? &static_cast<UnixSocket&>(**socket).endpoint() : nullptr;
}
template <class F>
void for_each_socket(Cargo& cargo, F f) {
    for (Ref<File>& file : cargo.rights->files())
        if (Endpoint* e = endpoint_of(*file)) f(*e, *file);
}

/// The graph is locked.
Result<> make_flights(Endpoint& e) {
    if (e.flights) return {};
    auto made = TRY(make<Flights>(e));
    Holding held{e.lock};
    e.flights = std::move(made);
    return {};
}
void take_off(Cargo& cargo) {
    cargo.in->flights->cargo.erase(cargo.in->flights->cargo.iterator_to(cargo));
    cargo.in = nullptr;
    for_each_socket(cargo, [](Endpoint& e, File&) {
        total.fetch_sub(1, std::memory_order_relaxed);
        if (--e.flights->count == 0) graph.all.erase(*e.flights);
    });
}

void run(void*) {
    for (;;) {
        (void)wait_until(work, [] { return suspicious.load(); }, never, false);
        // Who has told us still holds what it gives up.
        Sleeper self;
        (void)self.sleep(clocks::in(10'000'000), false);
        suspicious = false;
        collect();
    }
}
void start_collector() {
    static constinit std::atomic<bool> started = false;
    if (started.load(std::memory_order_relaxed) || started.exchange(true)) return;
    if (!Thread::spawn("unix-collector", run, nullptr)) started = false;
}
} // namespace

Result<> load(Packet& packet, Box<Rights> rights) {
    auto cargo = TRY(make<Cargo>());
    cargo->rights = std::move(rights);
    cargo->packet = &packet;
    for_each_socket(*cargo, [&](Endpoint&, File&) { cargo->has_sockets = true; });
    packet.cargo = std::move(cargo);
    return {};
}

Result<> Departure::prepare(Packet& packet, Endpoint& to) {
    if (!packet.cargo || !packet.cargo->has_sockets) return {};
    start_collector();
    Holding held{graph.lock};
    TRY(make_flights(to));
    Result<> made;
    for_each_socket(*packet.cargo, [&](Endpoint& e, File& file) {
        if (made) made = make_flights(e);
        if (made) e.flights->file = &file;
    });
    return made;
}
Departure::Departure(Packet& packet, Endpoint& to)
    : cargo_{packet.cargo && packet.cargo->has_sockets ? packet.cargo.get() : nullptr}, to_{to} {
    if (cargo_) graph.lock.lock();
}
void Departure::pushed() {
    if (!cargo_) return;
    pushed_ = true;
    listener_ = to_.embryo_of;
}
Departure::~Departure() {
    if (!cargo_) return;
    if (pushed_) {
        cargo_->in = &to_;
        to_.flights->cargo.push_back(*cargo_);
        if (listener_ && !to_.flights->is_embryo && make_flights(*listener_)) {
            to_.flights->is_embryo = true;
            listener_->flights->embryos.push_back(*to_.flights);
        }
        for_each_socket(*cargo_, [](Endpoint& e, File&) {
            total.fetch_add(1, std::memory_order_relaxed);
            if (e.flights->count++ == 0) graph.all.push_back(*e.flights);
        });
    }
    graph.lock.unlock();
}

namespace {
/// Takes the packet's open files out of it, and out of the graph. Null: it has none.
Box<Cargo> unload(Packet& packet) {
    if (packet.cargo && packet.cargo->has_sockets) {
        Holding held{graph.lock};
        if (packet.cargo->in) take_off(*packet.cargo);
    }
    return std::move(packet.cargo);
}
} // namespace

Box<Rights> land(Packet& packet) {
    Box<Cargo> cargo = unload(packet);
    return cargo ? std::move(cargo->rights) : nullptr;
}

Result<Box<Rights>> look_at(Packet& packet) {
    if (!packet.cargo) return Box<Rights>{};
    Holding held{graph.lock};
    return packet.cargo->rights->clone();
}

namespace {
/// A thread that closes what was in flight, and what it has come upon meanwhile: that is closed by its outermost call.
struct Discarding : ChainLink<Discarding> {
    Thread* who;
    List<Cargo, struct FlightTag> more;
};
constinit Guarded<Chain<Discarding>, Spinlock<Rank::socket_state>> discarders;
/// Closes all of the list and what that brings.
void discard_all(List<Cargo, struct FlightTag>& list) {
    Discarding me;
    me.who = &Thread::current();
    {
        auto them = discarders.lock();
        for (Discarding* d = them->first(); d; d = them->after(*d))
            if (d->who == me.who) return d->more.splice(d->more.end(), list);
        them->push_back(me);
    }
    me.more.splice(me.more.end(), list);
    while (!me.more.empty()) {
        Box<Cargo> next{&me.more.front()};
        me.more.pop_front();
        next = {}; // may add to `more`
    }
    discarders.lock()->erase(me);
}
} // namespace

void discard(Packet& packet) {
    Box<Cargo> cargo = unload(packet);
    if (!cargo) return;
    List<Cargo, struct FlightTag> one;
    one.push_back(*cargo.release());
    discard_all(one);
}

void accepted(Endpoint& e, File& file) {
    Ref<Endpoint> listener;
    {
        Holding held{e.lock};
        listener = std::move(e.embryo_of);
        if (!e.flights) return;
    }
    Holding held{graph.lock};
    e.flights->file = &file;
    if (!std::exchange(e.flights->is_embryo, false)) return;
    auto& siblings = listener->flights->embryos;
    siblings.erase(siblings.iterator_to(*e.flights));
}

void suspect() {
    if (total.load(std::memory_order_relaxed) == 0 || suspicious.exchange(true)) return;
    work.notify_all();
}

void forget(Endpoint& e) {
    if (!e.flights || !e.embryo_of) return;
    Holding held{graph.lock};
    if (!e.flights->is_embryo) return;
    auto& siblings = e.embryo_of->flights->embryos;
    siblings.erase(siblings.iterator_to(*e.flights));
}

usize in_flight() { return total.load(std::memory_order_relaxed); }

namespace {
/// Calls f for each socket that is reached through an endpoint: in its own queue, and in those of connections that it
/// has not accepted.
template <class F>
void for_each_reached(Flights& of, F f) {
    auto within = [&](Flights& queue) {
        for (Cargo& c : queue.cargo) for_each_socket(c, [&](Endpoint& e, File&) { f(*e.flights); });
    };
    within(of);
    for (Flights& embryo : of.embryos) within(embryo);
}

/// Marks what somebody can still reach: through a descriptor or a call (a reference that is not in flight), or through
/// the queue of what is reached.
void mark_live() {
    auto each = [](auto f) {
        for (Flights* at = graph.all.first(); at; at = graph.all.after(*at)) f(*at);
    };
    each([](Flights& f) {
        f.live = f.file->ref_count() > f.count;
        f.inside = 0;
    });
    each([](Flights& f) {
        if (!f.live) for_each_reached(f, [](Flights& other) { other.inside++; });
    });
    Flights* reached = nullptr;
    auto reach = [&](Flights& f) {
        f.live = true;
        f.next = std::exchange(reached, &f);
    };
    each([&](Flights& f) {
        if (!f.live && f.inside < f.count) reach(f);
    });
    while (reached)
        for_each_reached(*std::exchange(reached, reached->next), [&](Flights& other) {
            if (!other.live) reach(other);
        });
}
} // namespace

usize collect() {
    List<Cargo, struct FlightTag> found;
    usize sockets = 0;
    {
        Holding held{graph.lock};
        mark_live();
        List<Cargo, struct FlightTag> dead;
        for (Flights* f = graph.all.first(); f; f = graph.all.after(*f)) {
            if (f->live) continue;
            sockets++;
            dead.splice(dead.end(), f->cargo);
            for (Flights& embryo : f->embryos) dead.splice(dead.end(), embryo.cargo);
        }
        while (!dead.empty()) {
            Cargo& c = dead.front();
            dead.pop_front();
            c.in->flights->cargo.push_back(c); // where take_off() looks for it
            take_off(c);
            found.push_back(*c.packet->cargo.release());
        }
    }
    discard_all(found);
    return sockets;
}
} // namespace unix_sockets
