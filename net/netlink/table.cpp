// Which netlink socket has which port, and who hears of which group.
#include "core/rng/rng.h"
#include "kernel/credentials/caller.h"
#include "net/netlink/socket.h"

namespace netlink {
namespace {
constexpr usize buckets = 64;
struct Bucket {
    Spinlock<Rank::socket_names> lock;
    NetlinkSocket* first = nullptr;
};
constinit Bucket table[buckets];
Bucket& bucket_of(u32 port) { return table[port * 0x9e37'79b9 >> 26]; }
/// How many sockets hear of anything.
constinit std::atomic<u32> listeners = 0;
} // namespace

/// err::addrinuse.
Result<> NetlinkSocket::take_port(u32 wanted) {
    Bucket& b = bucket_of(wanted);
    Holding held{b.lock};
    if (port()) return port() == wanted ? Result<>{} : Result<>{err::inval};
    for (auto* s = b.first; s; s = s->next_)
        if (s->port() == wanted && s->network == network && &s->messages == &messages) return err::addrinuse;
    port_.store(wanted, std::memory_order_release);
    next_ = b.first;
    b.first = this;
    return {};
}

/// The process's number, or if that is taken one below zero.
Result<> NetlinkSocket::choose_port() {
    Caller* who = Caller::current();
    const PidNumber* number = who ? who->process_number() : nullptr;
    u32 wanted = number ? static_cast<u32>(number->in(*who->view().pids)) : 0;
    while (!port()) {
        auto taken = wanted ? take_port(wanted) : Result<>{err::addrinuse};
        if (taken || taken.error() != Errno::addrinuse) return taken && port() ? taken : Result<>{};
        wanted = static_cast<u32>(-4097 - static_cast<i64>(rng::below(0x7fff'0000)));
    }
    return {};
}

void NetlinkSocket::leave_table() {
    if (groups()) listeners.fetch_sub(1, std::memory_order_relaxed);
    if (!port()) return;
    Bucket& b = bucket_of(port());
    Holding held{b.lock};
    NetlinkSocket** at = &b.first;
    while (*at != this) at = &(*at)->next_;
    *at = next_;
}

Result<> NetlinkSocket::set_groups(u64 wanted) {
    if (wanted && !messages.anyone_listens && !administers()) return err::perm;
    u64 before = groups_.exchange(wanted, std::memory_order_relaxed);
    if (!before && wanted) listeners.fetch_add(1, std::memory_order_relaxed);
    if (before && !wanted) listeners.fetch_sub(1, std::memory_order_relaxed);
    return {};
}

bool NetlinkSocket::anybody_hears() { return listeners.load(std::memory_order_relaxed) != 0; }

namespace {
template <class F>
void for_each_hearer(const Protocol& of, u32 group, F f) {
    for (Bucket& b : table) {
        Holding held{b.lock};
        for (auto* s = b.first; s; s = s->next_in_table())
            if (&s->messages == &of && s->groups() >> (group - 1) & 1) f(*s);
    }
}
} // namespace

void NetlinkSocket::broadcast(const Protocol& of, const NetworkNamespace& in, u32 group, u32 from,
                              std::span<const std::byte> bytes, const NetlinkSocket* except) {
    for_each_hearer(of, group, [&](NetlinkSocket& s) {
        if (s.network.get() == &in && &s != except) (void)s.enqueue(bytes, from, group);
    });
}
void NetlinkSocket::broadcast(const Protocol& of, NetworkNamespace::Objects& stack, u32 group,
                              std::span<const std::byte> bytes) {
    for_each_hearer(of, group, [&](NetlinkSocket& s) {
        if (s.network->objects.load(std::memory_order_acquire) == &stack) (void)s.enqueue(bytes, 0, group);
    });
}

Result<> NetlinkSocket::send_to(u32 port, std::span<const std::byte> bytes) {
    Bucket& b = bucket_of(port);
    Holding held{b.lock};
    for (auto* s = b.first; s; s = s->next_)
        if (s->port() == port && s->network == network && &s->messages == &messages) {
            auto sent = s->enqueue(bytes, this->port(), 0);
            return sent || sent.error() != Errno::nobufs ? sent : Result<>{err::again};
        }
    return err::connrefused;
}

bool NetlinkSocket::print_bucket(Writer& out, const NetworkNamespace& in, u64 bucket) {
    if (bucket >= buckets) return false;
    Holding held{table[bucket].lock};
    for (auto* s = table[bucket].first; s; s = s->next_) {
        if (s->network.get() != &in) continue;
        print(out, "{:016x} {:<3} {:<10} {:08x} {:<8} {:<8} {:<5} {:<8} {:<8} {:<8}\n", 0, s->messages.number,
              s->port(), static_cast<u32>(s->groups()), s->queued(), 0, 0, 2, s->drops(), s->inode()->number());
    }
    return true;
}
} // namespace netlink
