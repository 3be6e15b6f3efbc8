#include "net/inet/socket/tcp_endpoint.h"
#include "core/rng/rng.h"
#include "core/sync/once.h"
#include "net/inet/stack/output.h"
#include <linux/eventpoll.h>
#include <linux/in.h>

namespace net::inet {
using tcp::Connection, tcp::Time;

const tcp::SequenceKeys& sequence_keys() {
    static constinit Once<tcp::SequenceKeys> keys;
    return keys.get([] { return tcp::SequenceKeys{rng::number(), rng::number()}; });
}

TcpEndpoint::TcpEndpoint(bool is_v6, const Maker& m)
    : InetEndpoint{Kind::connection, IPPROTO_TCP, is_v6, m.network, m.stack, m.payer} {
    const auto& set = stack().settings.tcp;
    auto seconds = [](const std::atomic<u32>& s) { return u64{s.load(std::memory_order_relaxed)} * tcp::second; };
    tuning.sack = set.sack;
    tuning.timestamps = set.timestamps;
    tuning.scaling = set.scaling;
    tuning.ecn = static_cast<u8>(set.ecn.load());
    tuning.frto = set.frto;
    tuning.mtu_probing = static_cast<u8>(set.mtu_probing.load());
    tuning.base_mss = static_cast<u16>(set.base_mss.load());
    tuning.keep_idle = seconds(set.keep_idle_s);
    tuning.keep_interval = seconds(set.keep_interval_s);
    tuning.fin_timeout = seconds(set.fin_timeout_s);
    tuning.keep_count = static_cast<u8>(set.keep_count.load());
    tuning.syn_retries = static_cast<u8>(set.syn_retries.load());
    tuning.retries = static_cast<u8>(set.retries.load());
    tuning.orphan_retries = static_cast<u8>(set.orphan_retries.load());
    tuning.send_limit = set.send_default;
    tuning.send_most = set.send_most;
    tuning.receive_limit = set.receive_default;
    tuning.receive_most = set.receive_most;
    tuning.congestion = tcp::congestion_controls()[set.congestion % tcp::congestion_controls().size()];
    options.send_buffer = set.send_default.load();
    options.receive_buffer = set.receive_default.load();
}
TcpEndpoint::~TcpEndpoint() {
    forget_unsent();
    alarm_.cancel();
}

Result<Ref<TcpEndpoint>> TcpEndpoint::create(bool v6) { return make_ref<TcpEndpoint>(v6, TRY(Maker::caller())); }

// What happens in a turn.

TcpEndpoint::Turn::~Turn() {
    u32 events = e_.settle(box_);
    second_ ? e_.lock.unlock_second() : e_.lock.unlock();
    if (events) e_.changed.notify_all(events);
}

/// Returns what has come up for who waits.
u32 TcpEndpoint::settle(Outbox& box) {
    if (!connection) {
        if (listener) set_alarm();
        return 0;
    }
    pump(box);
    if (Errno error = connection->take_error(); error != Errno{}) options.error = static_cast<int>(error);
    if (u32 again = connection->retransmissions(); again != retransmissions_) [[unlikely]]
        stack().statistics.add(Count::tcp_retransmitted, again - std::exchange(retransmissions_, again));
    u32 events = connection->take_changes();
    if (connection->state() == tcp::State::time_wait) {
        leave_time_wait(box.now);
    } else if (connection->dead()) {
        count_end();
        keeps_port ? Flows::disconnect(*this) : Flows::remove(*this); // who works holds a reference
    }
    if (tail && connection->unacknowledged_bytes() == 0) tail = {}, tail_used = 0;
    set_alarm();
    if (events & EPOLLIN) events |= EPOLLRDNORM;
    if (events & EPOLLOUT) events |= EPOLLWRNORM;
    return events;
}

void TcpEndpoint::count_end() {
    auto end = connection->take_end();
    auto& statistics = stack().statistics;
    if (end.reset) statistics.add(Count::tcp_resets_sent);
    if (end.from == tcp::State::syn_sent || end.from == tcp::State::syn_received)
        statistics.add(Count::tcp_attempts_failed);
    else if (end.from != tcp::State::closed)
        statistics.add(Count::tcp_established_reset);
}

/// Of one connection. What they do not have stays in the send buffer, where it can still be joined, or need not be
/// sent.
constexpr usize most_in_devices = 256 * KiB;

/// Sends all that there is to be sent.
void TcpEndpoint::pump(Outbox& box) {
    retry_at_ = tcp::never;
    if (!connection->wants_to_send()) [[likely]]
        return;
    const Path* path = nullptr;
    Unsent* unsent_here = nullptr;
    u8 tos = 0;
    tcp::Egress egress;
    IpSend ip{.source = local.address, .destination = remote.address, .protocol = IPPROTO_TCP};
    while (connection->wants_to_send()) {
        if (!path) {
            if (auto found = path_to(remote)) {
                path = *found;
                if (path->mtu != path_mtu_ && std::exchange(path_mtu_, path->mtu)) connection->path_changed(path->mtu);
                const auto& offloads = path->out->offloads;
                u32 most = remote.address.is_v4() ? offloads.segment_v4 : offloads.segment_v6;
                constexpr u32 headers = 40 + tcp::header_size + tcp::most_options;
                egress.offload = offloads.checksum;
                if (!path->out->loopback()) unsent_here = unsent();
                egress.most = most > headers && path->mtu < most ? most - headers : 0;
            }
            const FamilyOptions& own = this->ip.of(remote.address);
            tos = own.traffic_class.load(std::memory_order_relaxed);
            ip.hop_limit = hop_limit();
            ip.dont_fragment = own.discover_mtu.load(std::memory_order_relaxed) != 0;
        }
        if (unsent_here && !unsent_below(most_in_devices, most_in_devices / 2))
            return; // goes on in devices_have_room()
        auto p = connection->next_segment(box.now, egress);
        if (!p) {
            if (p.error() != Errno::again) retry_at_ = box.now + 20 * tcp::ms;
            return;
        }
        ip.traffic_class = static_cast<u8>(tos | (*p)->mark);
        if (unsent_here) (*p)->count_for(Ref<Unsent>::share(unsent_here), (*p)->size());
        stack().statistics.add(Count::tcp_out, connection->segments_of_last());
        // Without a way it is lost, and goes again later.
        if (path) (void)output(*path, std::move(*p), ip, box);
    }
}

/// The timer is moved lazily: one that rings too early is set anew.
void TcpEndpoint::set_alarm() {
    Time at = connection ? std::min(connection->deadline(), retry_at_) : listener->deadline();
    if (at == tcp::never || (alarm_.armed() && alarm_.deadline().ns <= at)) return;
    alarm_.arm(Deadline{at});
}

/// Endpoints whose time has come, by CPU.
class TcpEndpoint::Due final : public Work {
public:
    static Due& here() {
        static constinit Due all[arch::max_cpus];
        return all[arch::cpu_id()];
    }
    /// With a reference.
    void push(TcpEndpoint& e) {
        e.next_due_ = first_.load(std::memory_order_relaxed);
        while (!first_.compare_exchange_weak(e.next_due_, &e, std::memory_order_release, std::memory_order_relaxed)) {}
        queue();
    }

private:
    bool run(unsigned budget) override {
        Outbox box;
        while (budget--) {
            if (!taken_) taken_ = first_.exchange(nullptr, std::memory_order_acquire);
            if (!taken_) return false;
            TcpEndpoint* e = std::exchange(taken_, taken_->next_due_);
            auto keep = Ref<TcpEndpoint>::adopt(e);
            e->due_ = false;
            e->timer(box);
            box.flush();
        }
        return true;
    }
    std::atomic<TcpEndpoint*> first_ = nullptr; // by whoever pushes
    TcpEndpoint* taken_ = nullptr;              // by run()
};

/// In an interrupt, or where a device lets go of a packet.
void TcpEndpoint::alarm_rings() {
    if (due_.exchange(true)) return;
    if (try_retain())
        Due::here().push(*this);
    else
        due_ = false;
}

void TcpEndpoint::timer(Outbox& box) {
    Turn turn{*this, box};
    if (connection) {
        if (connection->deadline() <= box.now) connection->timer(box.now);
    } else if (listener) {
        listener->timer(box.now, [&](const tcp::Header& h, const Endpoint& from, const Endpoint& to) {
            send_bare(h, from, to, box);
        });
    }
}

void TcpEndpoint::leave_time_wait(u64 now) {
    if (bound()) TimeWaitFlow::leave(*this, now);
}

// What the user does.

Result<> TcpEndpoint::begin(u32 mtu, u64 now) {
    tcp::Identity id{.local = local,
                     .remote = remote,
                     .iss = sequence_keys().initial(local, remote, now),
                     .ts_offset = sequence_keys().ts_offset(local, remote),
                     .mtu = mtu,
                     .account = &account()};
    connection = TRY(make<Connection>(id, tuning));
    retransmissions_ = path_mtu_ = 0; // an earlier one's
    connection->connect(now);
    stack().statistics.add(Count::tcp_active_opens);
    phase = Phase::connecting;
    return {};
}

Result<> TcpEndpoint::listen(u32 backlog) {
    if (!listener) {
        listener = TRY(make<tcp::Listener>(sequence_keys(), SipHash{rng::number(), rng::number()}));
        listener->account = &account();
    }
    phase = Phase::listening;
    listens = true;
    most_pending_ = backlog;
    listener->backlog = std::max(backlog, u32{8});
    listener->retries = static_cast<u8>(stack().settings.tcp.syn_ack_retries.load());
    return {};
}

void TcpEndpoint::take_bytes(u32 n, u64 now) {
    PacketBox p = connection->receive();
    if (!p) return;
    if (n < p->size()) {
        p->trim_front(n);
        connection->put_back(std::move(p));
    }
    connection->consumed(n, now);
}

Ref<TcpEndpoint> TcpEndpoint::take_pending() {
    auto e = std::move(first_pending_);
    if (!e) return {};
    first_pending_ = std::move(e->next_pending_);
    if (!first_pending_) last_pending_ = nullptr;
    pending_--;
    return e;
}

Ref<TcpEndpoint> TcpEndpoint::stop_listening() {
    listener = nullptr;
    listens = false;
    phase = Phase::idle;
    pending_ = 0;
    last_pending_ = nullptr;
    return std::move(first_pending_);
}

void TcpEndpoint::refuse_all(Ref<TcpEndpoint> e, Outbox& box) {
    while (e) {
        e->close(box, true);
        e = std::move(e->next_pending_);
    }
}

void TcpEndpoint::close(Outbox& box, bool reset) {
    Ref<TcpEndpoint> refused;
    {
        Turn turn{*this, box};
        keeps_port = false;
        tail = {};
        if (listener) {
            refused = stop_listening();
            Flows::remove(*this);
        } else if (connection) {
            connection->close(box.now, reset);
        } else {
            Flows::remove(*this);
        }
    }
    refuse_all(std::move(refused), box);
}

// What comes in.

void send_segment(Stack& stack, const tcp::Header& h, const Endpoint& from, const Endpoint& to, u8 hop_limit,
                  Outbox& box) {
    auto path = stack.route(to.address, from.address, from.interface ? from.interface : to.interface);
    if (!path) return;
    stack.statistics.add(Count::tcp_out);
    if (h.has(tcp::rst)) stack.statistics.add(Count::tcp_resets_sent);
    auto p = Packet::create();
    if (!p || !tcp::push(**p, h, from.address, to.address, path->out->offloads.checksum)) return;
    IpSend ip{.source = from.address, .destination = to.address, .protocol = IPPROTO_TCP, .hop_limit = hop_limit};
    (void)output(*path, std::move(*p), ip, box);
}
void TcpEndpoint::send_bare(const tcp::Header& h, const Endpoint& from, const Endpoint& to, Outbox& box) {
    send_segment(stack(), h, from, to, hop_limit(), box);
}

TcpEndpoint::Taken TcpEndpoint::take(tcp::Segment& s, const Endpoint& at, const Endpoint& from,
                                     std::optional<tcp::Seq> least_iss, Outbox& box) {
    Turn turn{*this, box};
    if (listener) return take_for_listener(s, at, from, least_iss, box), Taken::yes;
    if (!connection || remote.port != from.port) return Taken::again;
    if (connection->state() == tcp::State::time_wait) return Taken::again;
    connection->segment(std::move(s), box.now);
    if (phase == Phase::connecting && connection->state() == tcp::State::established) phase = Phase::connected;
    return Taken::yes;
}

void TcpEndpoint::take_for_listener(tcp::Segment& s, const Endpoint& at, const Endpoint& from,
                                    std::optional<tcp::Seq> least_iss, Outbox& box) {
    u32 mtu = 1500;
    if (s.has(tcp::syn))
        if (auto path = stack().route(from.address, at.address, from.interface)) mtu = path->mtu;
    listener->tuning = tuning;
    listener->defer_accept = defer_accept;
    bool full = pending_ > most_pending_;
    if (full) stack().statistics.add(Count::tcp_listen_overflows);
    auto answer = listener->segment(s, at, from, mtu, full, box.now, least_iss);
    switch (answer.what) {
    case tcp::Listener::Answer::nothing: break;
    case tcp::Listener::Answer::send: send_bare(answer.header, at, from, box); break;
    case tcp::Listener::Answer::establish: enter_child(answer.accepted, s, box); break;
    }
}

/// Under the listener's lock, so that what comes next finds the connection.
void TcpEndpoint::enter_child(const tcp::Accepted& accepted, tcp::Segment& s, Outbox& box) {
    auto made = make_ref<TcpEndpoint>(v6, Maker{network, stack(), payer});
    if (!made) return;
    TcpEndpoint& child = **made;
    child.options.inherit(options);
    child.ip.inherit(ip);
    child.tuning = tuning;
    child.local = accepted.identity.local;
    child.remote = accepted.identity.remote;
    child.interface = interface.load();
    child.v6_only = v6_only;
    child.reuse_address = reuse_address;
    child.reuse_port = reuse_port;
    child.user = user;
    auto connection_made = make<Connection>(accepted.identity, tuning);
    if (!connection_made) return;
    {
        Turn turn{child, box, Turn::Second{}};
        if (!Flows::enter(child, *this)) return;
        child.phase = Phase::connected;
        child.connection = std::move(*connection_made);
        child.connection->accept(accepted, box.now);
        child.connection->segment(std::move(s), box.now);
    }
    (last_pending_ ? last_pending_->next_pending_ : first_pending_) = std::move(*made);
    last_pending_ = &child;
    pending_++;
    stack().statistics.add(Count::tcp_passive_opens);
    changed.notify_one(EPOLLIN | EPOLLRDNORM);
}

void TcpEndpoint::failed(const IcmpError& error, tcp::Seq seq, Outbox& box) {
    Turn turn{*this, box};
    if (!connection) return;
    if (!error.mtu)
        connection->unreachable(error.error, error.fatal, seq);
    else if (listens_to_routers(ip.of(remote.address).discover_mtu) && connection->path_mtu(error.mtu, seq))
        stack().learn_mtu(remote.address, error.mtu);
}
} // namespace net::inet
