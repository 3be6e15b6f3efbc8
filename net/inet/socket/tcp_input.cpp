// Segments find their endpoints; and what is left of connections.
#include "core/sync/once.h"
#include "net/inet/socket/tcp_endpoint.h"
#include <linux/in.h>

namespace net::inet {
namespace {
using Taken = TcpEndpoint::Taken;

/// A packet as filters see it; null: there are none.
struct Filtered {
    PacketBox packet;
    usize header = 0;
};

Taken give(Flow& flow, tcp::Segment& s, const Filtered& whole, const Endpoint& at, const Endpoint& from, Outbox& box,
           std::optional<tcp::Seq>& least_iss) {
    if (flow.kind() == Flow::Kind::time_wait) return static_cast<TimeWaitFlow&>(flow).take(s, box, least_iss);
    auto& e = static_cast<TcpEndpoint&>(flow);
    if (whole.packet && !e.wanted(*whole.packet, whole.header)) return Taken::yes;
    return e.take(s, at, from, least_iss, box);
}

void arrived(Arrival& a) {
    if (a.kind != RouteKind::local || a.packet->destination != Destination::host) return;
    u32 scope = a.ip.source.link_local() && !a.ip.source.is_v4() ? a.in.index() : 0;
    Ip ip = a.ip;
    Filtered whole;
    if (TcpEndpoint::filters.load(std::memory_order_relaxed)) [[unlikely]] {
        auto copy = a.packet->clone();
        if (!copy) return;
        whole = {std::move(*copy), ip.header};
    }
    auto s = tcp::parse(std::move(a.packet), ip);
    auto& statistics = a.stack().statistics;
    statistics.add(Count::tcp_in);
    if (!s) {
        statistics.add(Count::tcp_in_errors);
        if (s.error() == Errno::badmsg) statistics.add(Count::tcp_checksum_errors);
        a.in.counters.errors_in.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    Endpoint at{ip.destination, s->destination_port, scope}, from{ip.source, s->source_port, scope};
    std::optional<tcp::Seq> least_iss;
    // A connection may end while its segment is on the way to it: then it is looked for once more.
    for (int tries = 0; tries < 4; tries++) {
        auto flow = Flows::find(a.stack(), IPPROTO_TCP, at, from, a.in.index());
        if (!flow) flow = Flows::find_receiver(a.stack(), IPPROTO_TCP, at, from, a.in.index());
        if (!flow) break;
        if (give(*flow, *s, whole, at, from, a.box, least_iss) != Taken::again) return;
    }
    if (auto reset = tcp::reset_for(*s))
        send_segment(a.stack(), *reset, at, from, static_cast<u8>(a.stack().settings.ttl.load()), a.box);
}

/// RFC 5927: a sequence number that is not on its way makes it a lie.
void failed(Arrival& a, const IcmpError& error) {
    struct {
        Big16 source, destination;
        Big32 seq;
    } header;
    if (!a.packet->copy(error.transport_at, std::as_writable_bytes(std::span{&header, 1}))) return;
    u32 scope = error.sent.destination.link_local() && !error.sent.destination.is_v4() ? a.in.index() : 0;
    Endpoint at{error.sent.source, header.source, scope}, to{error.sent.destination, header.destination, scope};
    auto flow = Flows::find(a.stack(), IPPROTO_TCP, at, to, a.in.index());
    if (!flow || flow->kind() != Flow::Kind::connection) return;
    static_cast<TcpEndpoint&>(*flow).failed(error, tcp::Seq{header.seq}, a.box);
}
} // namespace

constinit const Protocol tcp_protocol{IPPROTO_TCP, arrived, failed};

// TIME-WAIT

/// Those of a network, the oldest first: each lasts equally long, but for those that are made to last longer.
class TimeWaits final : public Stack::Part, private Work {
public:
    /// Made at the first use. Null: no memory.
    static TimeWaits* of(Stack& stack) {
        if (auto* there = find(stack)) return there;
        auto made = make<TimeWaits>();
        return made ? &keep_first(stack.tcp, std::move(*made)) : nullptr;
    }
    static TimeWaits* find(Stack& stack) { return static_cast<TimeWaits*>(stack.tcp.load(std::memory_order_acquire)); }
    TimeWaits() = default;
    ~TimeWaits() override {
        alarm_.cancel();
        stop();
        while (!list_.empty()) {
            auto f = take_out(list_.front());
            if (f) Flows::remove(*f);
        }
    }

    void add(TimeWaitFlow& f) {
        {
            Holding held{lock_};
            f.listed_ = true;
            list_.push_back(*Ref<TimeWaitFlow>::share(&f).release());
            count_.fetch_add(1, std::memory_order_relaxed);
        }
        if (!running_.exchange(true)) queue();
    }
    /// Null: somebody else has taken it out.
    Ref<TimeWaitFlow> take_out(TimeWaitFlow& f) {
        Holding held{lock_};
        return f.listed_ ? unlist(f) : Ref<TimeWaitFlow>{};
    }
    u32 count() const { return count_.load(std::memory_order_relaxed); }

private:
    Ref<TimeWaitFlow> unlist(TimeWaitFlow& f) {
        f.listed_ = false;
        list_.erase(list_.iterator_to(f));
        count_.fetch_sub(1, std::memory_order_relaxed);
        return Ref<TimeWaitFlow>::adopt(&f);
    }
    /// The first one, if its time is over; else when that will be.
    Ref<TimeWaitFlow> take_over(u64 now, u64& next) {
        Holding held{lock_};
        if (list_.empty()) {
            running_ = false;
            return {};
        }
        next = list_.front().ends_.load(std::memory_order_relaxed);
        return next <= now ? unlist(list_.front()) : Ref<TimeWaitFlow>{};
    }
    bool run(unsigned budget) override {
        u64 now = clocks::monotonic_ns();
        while (budget--) {
            u64 next = tcp::never;
            auto over = take_over(now, next);
            if (!over) {
                if (next != tcp::never) alarm_.arm(Deadline{next});
                return false;
            }
            Flows::remove(*over);
        }
        return true;
    }
    struct Alarm final : Timer {
        explicit Alarm(TimeWaits& a) : Timer{[](Timer& t) { static_cast<Alarm&>(t).of.queue(); }}, of{a} {}
        TimeWaits& of;
    } alarm_{*this};
    Spinlock<Rank::network_queue> lock_;
    List<TimeWaitFlow, TimeWaitFlow> list_;
    std::atomic<u32> count_ = 0;
    std::atomic<bool> running_ = false; // somebody is to come by
};

TimeWaitFlow::TimeWaitFlow(const TcpEndpoint& e, u64 now)
    : Flow{Kind::time_wait, IPPROTO_TCP, e.stack()}, machine_{*e.connection, now} {
    local = e.local;
    remote = e.remote;
    interface = e.interface.load();
    v6 = e.v6;
    v6_only = e.v6_only;
    reuse_address = e.reuse_address;
    reuse_port = e.reuse_port;
    user = e.user;
    ends_ = machine_.deadline();
}

void TimeWaitFlow::leave(TcpEndpoint& e, u64 now) {
    auto* all = TimeWaits::of(e.stack());
    Ref<TimeWaitFlow> made;
    if (all && all->count() < e.stack().settings.tcp.most_time_wait)
        if (auto m = make_ref<TimeWaitFlow>(e, now)) made = std::move(*m);
    if (!made) return Flows::remove(e); // then old duplicates find nobody
    Flows::replace(e, *made);
    all->add(*made);
    e.stack().statistics.add(Count::tcp_time_waits);
}

TcpEndpoint::Taken TimeWaitFlow::take(tcp::Segment& s, Outbox& box, std::optional<tcp::Seq>& least_iss) {
    tcp::TimeWait::Answer answer;
    {
        Holding held{lock_};
        answer = machine_.segment(s, box.now);
        ends_ = machine_.deadline();
    }
    switch (answer.what) {
    case tcp::TimeWait::Answer::nothing: break;
    case tcp::TimeWait::Answer::send:
        send_segment(stack(), answer.header, local, remote, static_cast<u8>(stack().settings.ttl.load()), box);
        break;
    case tcp::TimeWait::Answer::make_new:
        least_iss = answer.least_iss;
        if (Flows::find_receiver(stack(), IPPROTO_TCP, local, remote, interface)) go();
        return TcpEndpoint::Taken::again;
    }
    return TcpEndpoint::Taken::yes;
}

bool TimeWaitFlow::make_way() {
    {
        Holding held{lock_};
        if (!machine_.reusable_by_us(clocks::monotonic_ns())) return false;
    }
    go();
    return true;
}

void TimeWaitFlow::go() {
    auto* all = TimeWaits::find(stack());
    if (auto self = all ? all->take_out(*this) : Ref<TimeWaitFlow>{}) Flows::remove(*self);
}
} // namespace net::inet
