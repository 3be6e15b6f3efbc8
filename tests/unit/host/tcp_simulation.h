// Two hosts and the links between them in virtual time, for tests: loss, delay, rate, queues, reordering, duplication,
// corruption. What happens follows from the seed.
#pragma once
#include "net/inet/tcp/listener.h"
#include "net/inet/tcp/time_wait.h"
#include <functional>
#include <gtest/gtest.h>
#include <linux/eventpoll.h>
#include <linux/in.h>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace net::tcp::test {
/// One direction.
struct LinkSettings {
    Time delay = 10 * ms;
    u64 rate = 0;          // bits a second; 0: no limit
    usize queue = 1 << 20; // bytes that wait for the rate
    double loss = 0, duplicate = 0, reorder = 0, corrupt = 0;
    double mark = 0; // as having met congestion, of what may be marked (RFC 3168)
    Time reorder_by = 5 * ms;
    usize mtu = 1500;
};

/// Anything that gets packets and has a deadline.
struct Node {
    virtual ~Node() = default;
    virtual void packet(PacketBox, Time now) = 0;
    virtual Time deadline() const = 0;
    virtual void timer(Time now) = 0;
};

class World {
public:
    explicit World(unsigned seed = 1) : random{seed} {}
    Time now = 1000 * second;
    std::mt19937 random;

    struct Link {
        LinkSettings settings;
        Node* to = nullptr;
        Time free_at = 0;
        usize passes = 0;                        // bytes; not 0: what is larger is dropped, and nobody told
        std::function<bool(const Packet&)> drop; // true: this one
        std::function<void(const Packet&)> tap;
        u64 bytes = 0, packets = 0, dropped = 0, marked = 0;
    };
    void attach(Node& n) { nodes_.push_back(&n); }
    bool chance(double p) { return p > 0 && std::uniform_real_distribution<>{}(random) < p; }

    void send(Link& l, PacketBox p) {
        if (l.tap) l.tap(*p);
        if (p->segment_size) ADD_FAILURE() << "a packet that nobody cuts";
        EXPECT_LE(p->size(), l.settings.mtu);
        if (l.passes && p->size() > l.passes) { // a black hole
            l.dropped++;
            return;
        }
        if ((l.drop && l.drop(*p)) || chance(l.settings.loss)) {
            l.dropped++;
            return;
        }
        Time leaves = now;
        if (l.settings.rate) {
            Time busy = l.free_at > now ? l.free_at - now : 0;
            if (busy * l.settings.rate / 8 / second > l.settings.queue) {
                l.dropped++;
                return;
            }
            leaves = now + busy + (p->size() + 38) * 8 * second / l.settings.rate;
            l.free_at = leaves;
        }
        l.bytes += p->size();
        l.packets++;
        if (chance(l.settings.corrupt)) p = corrupted(*p);
        Time arrives = leaves + l.settings.delay;
        if (chance(l.settings.duplicate)) deliver(l, *p->clone(), arrives + random() % ms);
        if (chance(l.settings.reorder)) arrives += random() % l.settings.reorder_by;
        deliver(l, std::move(p), arrives);
    }

    /// Until nothing more happens or the time has come.
    void run_until(Time end) {
        for (u64 steps = 0;; steps++) {
            if (steps > 20'000'000) {
                ADD_FAILURE() << "no end";
                return;
            }
            Time next = events_.empty() ? never : events_.begin()->first;
            for (Node* n : nodes_) next = std::min(next, n->deadline());
            if (next > end || next == never) break;
            now = std::max(now, next);
            if (!events_.empty() && events_.begin()->first <= now) {
                auto e = std::move(events_.begin()->second);
                events_.erase(events_.begin());
                e.link->to->packet(std::move(e.packet), now);
                continue;
            }
            for (Node* n : nodes_)
                if (n->deadline() <= now) n->timer(now);
        }
        now = std::max(now, end == never ? now : end);
    }
    void run(Time time) { run_until(now + time); }
    /// Until `done` says so; false: the time has passed first.
    template <class F>
    bool run_while_not(F done, Time most) {
        for (Time end = now + most; now < end && !done();) {
            Time next = events_.empty() ? never : events_.begin()->first;
            for (Node* n : nodes_) next = std::min(next, n->deadline());
            if (next == never) return done();
            run_until(std::min(std::max(next, now), end));
        }
        return done();
    }

private:
    struct Event {
        Link* link;
        PacketBox packet;
    };
    PacketBox corrupted(const Packet& p) {
        std::string all(p.size(), 0);
        p.copy(0, std::as_writable_bytes(std::span{all}));
        all[random() % all.size()] ^= static_cast<char>(1 << random() % 8);
        auto f = *mm::allocate_frame(FrameUse::kernel);
        std::memcpy(f->data(), all.data(), all.size());
        auto made = *Packet::create();
        EXPECT_TRUE(made->append(Piece{f, 0, static_cast<u32>(all.size())}));
        return made;
    }
    void deliver(Link& l, PacketBox p, Time at) { events_.emplace(at, Event{&l, std::move(p)}); }
    std::multimap<Time, Event> events_;
    std::vector<Node*> nodes_;
};

/// A host with one listener and any number of connections, found by ports.
class Host final : public Node {
public:
    Host(World& w, const Address& a) : world{w}, address{a}, listener{keys, SipHash{5, 6}} { w.attach(*this); }
    World& world;
    Address address;
    World::Link* out = nullptr;
    SequenceKeys keys{7, 8};
    Listener listener;
    bool listens = false, accept_full = false;
    Tuning tuning; // of connections that are begun here
    u32 mtu = 1500;
    struct Peer {
        std::unique_ptr<Connection> connection;
        std::unique_ptr<TimeWait> ended;
    };
    std::map<std::pair<u16, u16>, Peer> peers; // local and remote port
    std::vector<Connection*> accepted;
    std::function<void(Connection&)> on_change; // called after each thing that has happened to a connection
    u64 sent = 0, resets = 0, bad = 0;
    std::vector<std::unique_ptr<Connection>> gone;

    Connection& connect(const Address& to, u16 port, u16 from = 4000) {
        Endpoint local{address, from}, remote{to, port};
        Identity id{local, remote, keys.initial(local, remote, world.now), keys.ts_offset(local, remote), mtu};
        auto c = std::make_unique<Connection>(id, tuning);
        c->connect(world.now);
        Connection& made = *c;
        peers[{from, port}].connection = std::move(c);
        flush(made);
        return made;
    }
    /// Sends what a connection has to send, after the test did something to it.
    void flush(Connection& c) {
        while (true) {
            auto p = c.next_segment(world.now, {});
            if (!p) {
                EXPECT_EQ(p.error(), Errno::again);
                break;
            }
            transmit(std::move(*p), c.identity().remote.address);
        }
        if (c.state() != State::time_wait) return;
        Peer& peer = peers[{c.identity().local.port, c.identity().remote.port}];
        if (peer.connection.get() != &c) return;
        peer.ended = std::make_unique<TimeWait>(c, world.now);
        gone.push_back(std::move(peer.connection));
    }
    void transmit(PacketBox p, const Address& to) {
        inet::IpSend ip{.source = address, .destination = to, .protocol = IPPROTO_TCP, .dont_fragment = true};
        ip.traffic_class = static_cast<u8>(p->mark);
        if (p->mark && out && world.chance(out->settings.mark)) ip.traffic_class = 3, out->marked++;
        EXPECT_TRUE(inet::push_ip(*p, ip));
        sent++;
        if (out) world.send(*out, std::move(p));
    }
    void transmit(const Header& h, const Endpoint& local, const Endpoint& remote) {
        auto p = *Packet::create();
        EXPECT_TRUE(push(*p, h, local.address, remote.address, false));
        resets += h.has(rst);
        transmit(std::move(p), remote.address);
    }
    void changed(Connection& c) {
        flush(c);
        if (on_change) on_change(c);
        flush(c);
    }

    void packet(PacketBox p, Time now) override {
        auto ip = inet::parse_ip(*p);
        if (!ip || ip->destination != address) return void(bad++);
        auto s = parse(std::move(p), *ip);
        if (!s) return void(bad++);
        segment(std::move(*s), {address, s->destination_port}, {ip->source, s->source_port}, now);
    }
    void segment(Segment s, const Endpoint& local, const Endpoint& remote, Time now) {
        auto at = peers.find({local.port, remote.port});
        std::optional<Seq> least_iss;
        if (at != peers.end() && at->second.connection && !at->second.connection->dead()) {
            Connection& c = *at->second.connection;
            c.segment(std::move(s), now);
            return changed(c);
        }
        if (at != peers.end() && at->second.ended) {
            auto answer = at->second.ended->segment(s, now);
            if (answer.what == TimeWait::Answer::send) transmit(answer.header, local, remote);
            if (answer.what != TimeWait::Answer::make_new) return;
            least_iss = answer.least_iss;
            peers.erase(at);
        }
        if (!listens) {
            if (auto h = reset_for(s)) transmit(*h, local, remote);
            return;
        }
        auto answer = listener.segment(s, local, remote, mtu, accept_full, now, least_iss);
        if (answer.what == Listener::Answer::send) transmit(answer.header, local, remote);
        if (answer.what != Listener::Answer::establish) return;
        auto c = std::make_unique<Connection>(answer.accepted.identity, listener.tuning);
        c->accept(answer.accepted, now);
        c->segment(std::move(s), now);
        Connection& made = *c;
        auto& peer = peers[{local.port, remote.port}];
        if (peer.connection) gone.push_back(std::move(peer.connection));
        peer.connection = std::move(c);
        accepted.push_back(&made);
        changed(made);
    }
    Time deadline() const override {
        Time first = listener.deadline();
        for (auto& [ports, p] : peers) {
            if (p.connection) first = std::min(first, p.connection->deadline());
            if (p.ended) first = std::min(first, p.ended->deadline());
        }
        return first;
    }
    void timer(Time now) override {
        listener.timer(now, [this](const Header& h, const Endpoint& l, const Endpoint& r) { transmit(h, l, r); });
        for (auto at = peers.begin(); at != peers.end();) {
            auto& [ports, p] = *at++;
            if (p.connection && p.connection->deadline() <= now) {
                p.connection->timer(now);
                changed(*p.connection);
            } else if (p.ended && p.ended->deadline() <= now) {
                peers.erase(ports);
            }
        }
    }
};

/// Gives all of a text to a connection as it takes it, and then closes that direction.
struct TextWriter {
    std::string data;
    usize at = 0;
    bool shut = true, done = false;
    usize step = 16 * KiB;
    void pump(Connection& c, Time now) {
        while (at < data.size() && c.send_room() && c.state() != State::syn_sent && c.state() != State::closed) {
            usize n = std::min({step, data.size() - at, page_size});
            auto f = *mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
            std::memcpy(f->data(), data.data() + at, n);
            if (!c.send(Piece{f, 0, static_cast<u32>(n)}, false, false)) return;
            at += n;
        }
        if (at == data.size() && shut && !done && c.state() != State::syn_sent) {
            c.shutdown_write(now);
            done = true;
        }
    }
};
/// Reads what there is.
struct TextReader {
    std::string data;
    bool ended = false;
    void pump(Connection& c, Time now) {
        while (auto p = c.receive()) {
            usize before = data.size();
            data.resize(before + p->size());
            p->copy(0, std::as_writable_bytes(std::span{data}).subspan(before));
            c.consumed(static_cast<u32>(p->size()), now);
        }
        if (c.peer_has_closed() && c.readable_bytes() == 0) ended = true;
    }
};
inline std::string random_text(usize n, unsigned seed = 9) {
    std::mt19937 random{seed};
    std::string s(n, 0);
    for (char& c : s) c = static_cast<char>(random());
    return s;
}

/// A client and a server with a link each way.
struct Pair {
    explicit Pair(unsigned seed = 1, bool v4 = true)
        : world{seed},
          client{world, v4 ? Address::v4(10, 0, 0, 1) : Address::v6({0xfd00, 0, 0, 0, 0, 0, 0, 1})},
          server{world, v4 ? Address::v4(10, 0, 0, 2) : Address::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2})} {
        up.to = &server, down.to = &client;
        client.out = &up, server.out = &down;
        server.listens = true;
    }
    void both(const LinkSettings& s) { up.settings = down.settings = s; }
    /// Connects, and lets the handshake happen.
    Connection& open() {
        Connection& c = client.connect(server.address, 80);
        world.run_while_not([&] { return !server.accepted.empty(); }, 60 * second);
        return c;
    }
    World world;
    World::Link up, down;
    Host client, server;
};
} // namespace net::tcp::test
