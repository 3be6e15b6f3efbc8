#include "net/packet/socket.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/inet/stack/ethernet.h"
#include "net/stack/packet_filter.h"
#include <algorithm>
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/sockios.h>

namespace packet_sockets {
using namespace sockets;
using namespace net;
using namespace net::inet;

namespace {
constexpr u32 readable_events = EPOLLIN | EPOLLRDNORM, writable_events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

Result<Ref<Socket>> create(int type, int protocol) {
    Caller* who = Caller::current();
    View& view = who ? who->view() : View::root();
    if (who && !who->credentials().can_in(view.network->owner.get(), CAP_NET_RAW)) return err::perm;
    if (type != sock_raw && type != sock_dgram) return err::socktnosupport;
    Stack& stack = *TRY(Stack::in(*view.network));
    Watchers& watchers = *TRY(Watchers::in(stack));
    u16 number = std::byteswap(static_cast<u16>(protocol));
    auto made = TRY(make_ref<PacketSocket>(type, number, view, stack, watchers, TRY(make_inode())));
    TRY(made->begin());
    return made;
}
} // namespace

constinit const Family family{.domain = af_packet, .name = "PACKET", .create = create};

PacketSocket::PacketSocket(int type, u16 number, View& view, Stack& stack, Watchers& watchers, Ref<vfs::Inode> inode)
    : Socket{packet_sockets::family, type, std::byteswap(number), options_, std::move(inode)},
      network_{view.network},
      payer_{view.cgroup},
      stack_{stack},
      watchers_{watchers},
      owner_{this->inode()->attributes().uid},
      protocol_{number} {}

Result<> PacketSocket::begin() {
    TRY(watchers_.enter(*this));
    looks_on_ = true;
    return {};
}

PacketSocket::~PacketSocket() {
    if (looks_on_) watchers_.leave(*this);
    for (const Membership& m : memberships_) count_promiscuous(m, -1);
}

Result<> PacketSocket::bind(const sockets::Address& a) {
    sockaddr_ll to;
    if (a.size < sizeof to || a.family() != af_packet) return err::inval;
    std::memcpy(&to, a.bytes, sizeof to);
    u32 index = static_cast<u32>(to.sll_ifindex);
    Ref<Interface> by;
    if (index) by = stack_.find(index);
    if (index && !by) return err::nodev;
    Holding held{watchers_.lock};
    if (to.sll_protocol) protocol_ = std::byteswap(to.sll_protocol);
    interface_ = index;
    if (by && !by->up()) {
        options_.error = static_cast<int>(Errno::netdown);
        changed_.notify_all(EPOLLERR);
    }
    return {};
}

Result<> PacketSocket::local_address(sockets::Address& a) {
    sockaddr_ll own{};
    own.sll_family = af_packet;
    {
        Holding held{watchers_.lock};
        own.sll_protocol = std::byteswap(protocol_);
        own.sll_ifindex = static_cast<int>(interface_);
    }
    if (auto by = own.sll_ifindex ? stack_.find(static_cast<u32>(own.sll_ifindex)) : Ref<Interface>{}) {
        own.sll_hatype = by->type();
        own.sll_halen = ETH_ALEN;
        auto link = by->link_address();
        std::memcpy(own.sll_addr, link.bytes.data(), ETH_ALEN);
    }
    a = sockets::Address{std::as_bytes(std::span{&own, 1}).first(offsetof(sockaddr_ll, sll_addr) + own.sll_halen)};
    return {};
}

bool PacketSocket::wants(const Frame& f, u32 interface) const {
    if (!protocol_ || (interface_ && interface_ != interface)) return false;
    if (f.kind == PACKET_OUTGOING)
        return protocol_ == ETH_P_ALL && f.sender != this && !ignores_outgoing_.load(std::memory_order_relaxed);
    return protocol_ == ETH_P_ALL || protocol_ == f.type;
}

void PacketSocket::see(const Frame& f, u32 interface) {
    if (!wants(f, interface)) return;
    usize skip = cooked() ? sizeof(EthernetHeader) : 0;
    u32 wanted = static_cast<u32>(f.packet.size() - skip);
    if (options_.filter.program) {
        FilterSubject subject{f.packet,
                              skip,
                              sizeof(EthernetHeader),
                              0,
                              {.kind = f.kind, .hardware = f.hardware, .protocol = f.type, .interface = interface}};
        wanted = std::min(wanted, options_.filter.program->run(subject));
        if (!wanted) return;
    }
    seen_++;
    ring_ ? fill(f, interface, wanted) : queue(f, interface, wanted);
}

/// Into the queue goes the whole frame, its link's header included; `sequence` is the size it had.
void PacketSocket::queue(const Frame& f, u32 interface, u32 wanted) {
    usize skip = cooked() ? sizeof(EthernetHeader) : 0;
    auto copy = queue_.true_size() > options_.receive_buffer.load(std::memory_order_relaxed)
                    ? Result<PacketBox>{err::nobufs}
                    : f.packet.slice(0, skip + wanted);
    if (!copy || !(*copy)->charge_to(*payer_->account)) {
        dropped_++;
        return;
    }
    Packet& p = **copy;
    p.checksum = f.packet.checksum;
    p.interface = interface;
    p.protocol = f.type;
    p.sequence = static_cast<u32>(f.packet.size() - skip);
    p.mark = u32{f.kind} << 16 | f.hardware;
    p.time = f.time;
    queue_.push(std::move(*copy));
    changed_.notify_one(readable_events);
}

void PacketSocket::fill(const Frame& f, u32 interface, u32 wanted) {
    u32 sum = f.packet.checksum == ChecksumState::partial    ? u32{TP_STATUS_CSUMNOTREADY}
              : f.packet.checksum == ChecksumState::verified ? u32{TP_STATUS_CSUM_VALID}
                                                             : 0;
    Ring::Entry entry{f, cooked() ? sizeof(EthernetHeader) : 0, wanted,
                      TP_STATUS_USER | sum | (dropped_ ? u32{TP_STATUS_LOSING} : 0),
                      address_of(f.packet, f.type, f.kind, f.hardware, interface)};
    if (!ring_->put(entry)) dropped_++;
    changed_.notify_one(readable_events);
}

PacketSocket::Shown PacketSocket::shown() const {
    return {.inode = cookie(),
            .owner = owner_,
            .interface = interface_,
            .memory = static_cast<u32>(queue_.true_size()),
            .protocol = protocol_,
            .type = static_cast<u8>(type()),
            .runs = protocol_ != 0};
}

u32 PacketSocket::poll() {
    u32 ready = writable_events;
    if (options_.error.load(std::memory_order_relaxed)) ready |= EPOLLERR;
    Holding held{watchers_.lock};
    if (!queue_.empty() || (ring_ && ring_->has_frames())) ready |= readable_events;
    return ready;
}

Result<> PacketSocket::change_filter(Ref<bpf::Program> to) {
    Holding held{watchers_.lock};
    to = options_.filter.exchange(std::move(to)); // the old one goes after the lock
    return {};
}
Ref<bpf::Program> PacketSocket::filter() {
    Holding held{watchers_.lock};
    return options_.filter.program;
}

Result<Ref<MemoryObject>> PacketSocket::memory_object() {
    Holding held{watchers_.lock};
    return ring_ ? Result<Ref<MemoryObject>>{ring_} : err::inval;
}

Result<i64> PacketSocket::ioctl(unsigned request, uptr argument) {
    switch (request) {
    case SIOCINQ: {
        int first = 0;
        {
            Holding held{watchers_.lock};
            if (const Packet* p = queue_.first())
                first = static_cast<int>(p->size() - (cooked() ? sizeof(EthernetHeader) : 0));
        }
        TRY(copy_out(UserPtr<int>{argument}, first));
        return 0;
    }
    case SIOCOUTQ: TRY(copy_out(UserPtr<int>{argument}, 0)); return 0; // what is sent is the device's at once
    case SIOCGSTAMP_OLD:
    case SIOCGSTAMPNS_OLD: TRY(tell_time(request, argument, last_time_)); return 0;
    default: return Socket::ioctl(request, argument);
    }
}
} // namespace packet_sockets
