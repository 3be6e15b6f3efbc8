#include "net/inet/socket/listing.h"
#include "net/inet/socket/tcp_endpoint.h"
#include <algorithm>
#include <linux/in.h>

namespace net::inet {
namespace {
/// Where a pass stands: a bucket, and how many of its flows are behind it.
struct Place {
    u64 bucket, passed;
    explicit Place(u64 at) : bucket{at >> 32}, passed{at & 0xffff'ffff} {}
    u64 value() const { return bucket << 32 | passed; }
};
} // namespace

usize Flows::some(const Stack& stack, u8 protocol, u64& at, std::span<Ref<Flow>> to) {
    const bool connections = protocol == IPPROTO_TCP;
    Place place{at};
    usize found = 0;
    u64 seen = 0;
    auto take = [&](Flow& f) {
        if (&f.stack_ != &stack || f.protocol_ != protocol || seen++ < place.passed || found == to.size()) return;
        to[found++] = Ref<Flow>::share(&f);
        place.passed++;
    };
    while (found < to.size() && place.bucket < port_buckets + (connections ? pair_buckets : 0)) {
        seen = 0;
        if (place.bucket < port_buckets) {
            PortBucket& b = ports_[place.bucket];
            Holding held{b.lock};
            for (Port* p = b.first; p; p = p->next) {
                if (&p->stack != &stack || p->protocol != protocol) continue;
                for (Flow& f : p->receivers) take(f);
                if (connections) continue; // what is connected is among the pairs
                for (Flow& f : p->others) take(f);
            }
        } else {
            PairBucket& b = pairs_[place.bucket - port_buckets];
            Holding held{b.lock};
            for (Flow* f = b.first; f; f = f->next_) take(*f);
        }
        if (found < to.size()) place = Place{(place.bucket + 1) << 32};
    }
    at = place.value();
    return found;
}

void FlowShown::take(const sockets::Options& o) {
    mark = o.mark.load(std::memory_order_relaxed);
    send_buffer = o.send_buffer.load(std::memory_order_relaxed);
    receive_buffer = o.receive_buffer.load(std::memory_order_relaxed);
}

void InetEndpoint::show(FlowShown& to) {
    Holding held{lock};
    to.local = local;
    to.remote = remote;
    to.state = remote.port ? 1 : 7;
    to.inode = inode.load(std::memory_order_relaxed);
    to.owner = owner.load(std::memory_order_relaxed);
    to.interface = interface;
    to.v6_only = v6_only;
    to.take(options);
}

void TcpEndpoint::show(FlowShown& to) {
    InetEndpoint::show(to);
    u64 now = clocks::monotonic_ns();
    Holding held{lock};
    to.state = static_cast<u8>(state());
    to.congestion = (tuning.congestion ? tuning.congestion : tcp::congestion_controls()[0])->name();
    if (listener) {
        to.receive_queue = pending();
        to.send_queue = most_pending();
        to.info.tcpi_state = to.state;
        return;
    }
    if (!connection) return;
    connection->info(to.info, now);
    to.receive_queue = connection->readable_bytes();
    to.send_queue = connection->unacknowledged_bytes();
    auto waiting = connection->waiting();
    to.timer = waiting.kind;
    to.timer_left_ns = waiting.kind && waiting.until > now ? waiting.until - now : 0;
    to.retransmissions = waiting.retransmissions;
    to.probes = waiting.probes;
}

void TimeWaitFlow::show(FlowShown& to) {
    to.local = local;
    to.remote = remote;
    to.state = static_cast<u8>(tcp::State::time_wait);
    u64 now = clocks::monotonic_ns(), ends = ends_.load(std::memory_order_relaxed);
    to.timer = 3;
    to.timer_left_ns = ends > now ? ends - now : 0;
    to.interface = interface;
    to.v6_only = v6_only;
}
} // namespace net::inet
