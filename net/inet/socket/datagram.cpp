#include "net/inet/socket/datagram.h"
#include "core/time/clock.h"
#include "kernel/socket/numbers.h"
#include "net/stack/user_bytes.h"
#include <algorithm>
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/eventpoll.h>
#include <linux/in.h>
#include <linux/sockios.h>

namespace net::inet {
using namespace sockets;

namespace {
constexpr u32 readable_events = EPOLLIN | EPOLLRDNORM, writable_events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
constexpr u8 no_more_reads = 1, both_ways = 3; // 2: no more writes

bool wants_time(const Options& o, const DatagramEndpoint& e) {
    return o.on(Flag::timestamp) || o.on(Flag::timestamp_ns) || e.keeps_time.load(std::memory_order_relaxed) ||
           e.timestamping.load(std::memory_order_relaxed);
}
} // namespace

void DatagramEndpoint::deliver(PacketBox p, Parts parts) {
    usize begin = std::min(parts.header, parts.data), filtered = wanted(*p, begin);
    if (!filtered && p->size() != begin) return void(dropped.fetch_add(1, std::memory_order_relaxed));
    p->truncate(std::max<usize>(begin + filtered, parts.data));
    p->mark = parts.mark();
    if (wants_time(options, *this)) p->time = static_cast<u64>(clocks::realtime_ns());
    bool charged = p->charge_to(account()).has_value();
    {
        Holding held{lock};
        if (!charged || closed_ || queue_.true_size() > options.receive_buffer.load(std::memory_order_relaxed)) {
            dropped.fetch_add(1, std::memory_order_relaxed);
            if (protocol() == IPPROTO_UDP) stack().statistics.add(Count::udp_buffer_full);
            return;
        }
        p->sequence = dropped.load(std::memory_order_relaxed);
        queue_.push(std::move(p));
        has_data_.store(true, std::memory_order_release);
    }
    if (protocol() == IPPROTO_UDP) stack().statistics.add(Count::udp_in);
    changed.notify_one(readable_events);
}

PacketBox DatagramEndpoint::take() {
    if (!has_data()) return nullptr;
    Holding held{lock};
    PacketBox p = queue_.pop();
    if (queue_.empty()) has_data_.store(false, std::memory_order_relaxed);
    return p;
}

Result<PacketBox> DatagramEndpoint::look_at(u32& skip) {
    Holding held{lock};
    const Packet* p = queue_.first();
    auto size = [](const Packet& of) { return static_cast<u32>(of.size() - Parts::of(of).data); };
    while (p && skip >= size(*p) && (size(*p) || skip)) {
        skip -= size(*p);
        p = p->next;
    }
    return p ? p->clone() : Result<PacketBox>{PacketBox{}};
}

usize DatagramEndpoint::first_size() {
    Holding held{lock};
    const Packet* p = queue_.first();
    return p ? p->size() - Parts::of(*p).data : 0;
}

void DatagramEndpoint::failed(const Arrival& a, const IcmpError& e, usize data, u16 port) {
    const FamilyOptions& own = ip.of(e.sent.destination);
    bool asks = own.receive_errors.load(std::memory_order_relaxed);
    if (e.mtu && listens_to_routers(own.discover_mtu.load(std::memory_order_relaxed))) {
        Charging paying{account()};
        stack().learn_mtu(e.sent.destination, e.mtu);
    }
    bool fatal = e.fatal || (e.error == Errno::msgsize && own.discover_mtu.load(std::memory_order_relaxed) != 0);
    if (!asks && !(fatal && connected.load(std::memory_order_relaxed))) return;
    if (asks) {
        auto quoted = a.packet->slice(data, a.packet->size() - std::min(data, a.packet->size()));
        ErrorRecord record{.error = static_cast<u32>(e.error),
                           .origin = static_cast<u8>(a.ip.source.is_v4() ? 2 : 3),
                           .type = e.type,
                           .code = e.code,
                           .info = e.mtu,
                           .destination = e.sent.destination,
                           .offender = a.ip.source,
                           .interface = a.in.index(),
                           .port = port};
        Holding held{lock};
        if (quoted) errors.push(std::move(*quoted), record, account(), options.receive_buffer.load());
    }
    options.error = static_cast<int>(e.error);
    changed.notify_all(EPOLLERR);
}

void DatagramEndpoint::too_large(const Endpoint& to, u32 mtu) {
    if (!ip.of(to.address).receive_errors.load(std::memory_order_relaxed)) return;
    auto nothing = Packet::create();
    if (!nothing) return;
    {
        Holding held{lock};
        ErrorRecord record{.error = static_cast<u32>(Errno::msgsize),
                           .origin = 1, // SO_EE_ORIGIN_LOCAL
                           .info = mtu,
                           .destination = to.address,
                           .interface = to.interface,
                           .port = to.port};
        errors.push(std::move(*nothing), record, account(), options.receive_buffer.load());
    }
    changed.notify_all(EPOLLERR);
}

void DatagramEndpoint::close() {
    Flows::remove(*this);
    memberships.leave_all(stack());
    PacketQueue gone;
    Holding held{lock};
    closed_ = true;
    while (PacketBox p = queue_.pop()) gone.push(std::move(p));
    errors.clear();
}

DatagramSocket::~DatagramSocket() { end().close(); }

Result<> DatagramSocket::take_port(const Endpoint& at) {
    auto& e = end();
    TRY(Flows::bind(e, at));
    if (auto receives = Flows::receive(e); !receives) {
        Flows::remove(e);
        return receives;
    }
    Holding held{e.lock};
    e.address_given = !at.address.unspecified();
    e.port_given = at.port;
    e.forget_path();
    return {};
}

Result<> DatagramSocket::autobind() {
    auto& e = end();
    if (e.bound()) return {};
    Holding held{e.writing};
    if (e.bound()) return {};
    note_options();
    auto bound = DatagramSocket::take_port({e.local.address, 0, e.local.interface});
    if (!bound && bound.error() == Errno::addrinuse) return err::again;
    return bound;
}

void DatagramSocket::associate(const Address& local, const Endpoint& remote) { Flows::associate(end(), local, remote); }

Result<Endpoint> DatagramSocket::datagram_destination(const sockets::Address& a) const {
    if (domain() == af_inet6 && a.family() == af_inet) {
        if (end().ip.v6_only) return err::netunreach;
        Endpoint to = TRY(parse_address(a, af_inet));
        if (to.address == any_v4) to.address = loopback_v4;
        return to;
    }
    return destination(a);
}

Result<> DatagramSocket::connect(const sockets::Address& a, Deadline) {
    auto& e = end();
    if (a.size < sizeof(u16)) return err::inval;
    if (a.family() == af_unspec) return disconnect();
    TRY(autobind());
    auto found = datagram_destination(a);
    if (!found && found.error() == Errno::netunreach && a.family() == af_inet) return err::afnosupport;
    Endpoint to = TRY(found);
    Holding one{e.writing};
    Holding held{e.lock};
    if (to.address.link_local() && !to.address.is_v4() && !to.interface && !e.interface) return err::inval;
    u32 by = e.bound_interface() ? e.bound_interface() : to.interface;
    const FamilyOptions& own = e.ip.of(to.address);
    if (!by) by = to.address.multicast() ? own.multicast_interface.load() : own.unicast_interface.load();
    Address from = e.address_given && !e.local.address.multicast() ? e.local.address : Address{};
    Path path = TRY(e.stack().route(to.address, from, by));
    if (path.kind == RouteKind::broadcast && !options().on(Flag::broadcast)) return err::acces;
    e.forget_path();
    associate(e.address_given ? e.local.address : path.source, to);
    e.connected = true;
    return {};
}

/// What was not given by bind(2) goes, too.
Result<> DatagramSocket::disconnect() {
    auto& e = end();
    Holding one{e.writing};
    Address any = domain() == af_inet ? any_v4 : any_v6;
    {
        Holding held{e.lock};
        e.connected = false;
        e.forget_path();
        associate(e.address_given ? e.local.address : any, {});
    }
    if (e.port_given) return {};
    Flows::remove(e);
    Holding held{e.lock};
    e.local.port = 0;
    return {};
}

Result<> DatagramSocket::peer_address(sockets::Address& to) {
    Holding held{end().lock};
    if (!end().connected || !end_->remote.port) return err::notconn;
    to = make_address(end_->remote, domain());
    return {};
}

Result<usize> DatagramSocket::copy(ReceiveMessage& m, const Packet& p, u32 skip, bool peeks) {
    auto& e = end();
    Parts parts = Parts::of(p);
    usize left = p.size() - parts.data - skip, n = std::min(left, m.data.remaining());
    if (n < left) m.result |= msg_trunc;
    if (TRY(copy_to(m.data, p, parts.data + skip, n)) < n) return err::fault;
    Ip ip = checked_ip(p, parts.header);
    if (m.from) {
        Endpoint from{ip.source, source_port(p, parts), ip.source.link_local() ? p.interface : 0};
        *m.from = make_address(from, domain());
    }
    put_control(m, p, ip, parts);
    if (int at = options().peek_offset.load(std::memory_order_relaxed); at >= 0)
        options().peek_offset = peeks ? at + static_cast<int>(n) : std::max(at - static_cast<int>(left), 0);
    if (e.keeps_time.load(std::memory_order_relaxed))
        e.last_time = p.time;
    else if (e.last_time.load(std::memory_order_relaxed) == ~u64{0}) [[unlikely]]
        e.last_time = 0;
    return m.flags & msg_trunc ? left : n;
}

Result<usize> DatagramSocket::receive(ReceiveMessage& m) {
    auto& e = end();
    if (m.flags & msg_errqueue) return receive_error(m);
    TRY(check_error(options()));
    bool ended = e.shut.load(std::memory_order_acquire) & no_more_reads; // before the queue is looked at
    u32 skip = 0;
    if (int at = options().peek_offset.load(std::memory_order_relaxed); m.peeks() && at > 0)
        skip = static_cast<u32>(at);
    PacketBox p = m.peeks() ? TRY(e.look_at(skip)) : e.take();
    if (!p) return ended && !(m.flags & msg_dontwait) ? Result<usize>{usize{0}} : err::again;
    return copy(m, *p, skip, m.peeks());
}

void DatagramSocket::errors_unwanted() {
    Holding held{end().lock};
    end().errors.clear();
}

Result<> DatagramSocket::shutdown(int how) {
    auto& e = end();
    e.shut.fetch_or(static_cast<u8>(how + 1), std::memory_order_acq_rel); // SHUT_RD, SHUT_WR, SHUT_RDWR: 1, 2, 3
    e.changed.notify_all();
    return e.connected ? Result<>{} : Result<>{err::notconn};
}

u32 DatagramSocket::poll() {
    auto& e = end();
    u8 shut = e.shut.load(std::memory_order_relaxed);
    usize half = options().send_buffer.load(std::memory_order_relaxed) / 2;
    u32 ready = e.unsent_below(half, half) ? writable_events : 0;
    if (options().error.load(std::memory_order_relaxed) || !e.errors.empty())
        ready |= EPOLLERR | (options().on(Flag::select_error_queue) ? u32{EPOLLPRI} : 0);
    if (shut == both_ways) ready |= EPOLLHUP;
    if (shut & no_more_reads) ready |= EPOLLRDHUP | readable_events;
    if (e.has_data()) ready |= readable_events;
    return ready;
}

/// For SIOCGSTAMP: from the first call on, times are kept.
u64 DatagramSocket::last_time() {
    auto& e = end();
    e.keeps_time = true;
    if (!e.last_time) e.last_time = static_cast<u64>(clocks::realtime_ns());
    return e.last_time;
}

Result<i64> DatagramSocket::ioctl(unsigned request, uptr argument) {
    switch (request) {
    case SIOCINQ: TRY(copy_out(UserPtr<int>{argument}, static_cast<int>(end().first_size()))); return 0;
    case SIOCOUTQ: TRY(copy_out(UserPtr<int>{argument}, static_cast<int>(end().unsent_bytes()))); return 0;
    case SIOCGSTAMP_OLD:
    case SIOCGSTAMPNS_OLD: TRY(tell_time(request, argument, last_time())); return 0;
    default: return InetSocket::ioctl(request, argument);
    }
}
} // namespace net::inet
