// Sockets of AF_PACKET: packet(7).
#pragma once
#include "core/wait/mutex.h"
#include "kernel/socket/family.h"
#include "kernel/views/view.h"
#include "net/packet/ring.h"
#include "net/packet/watchers.h"

namespace packet_sockets {
extern const sockets::Family family;

class PacketSocket final : public sockets::Socket, public ListLink<> {
public:
    PacketSocket(int type, u16 protocol, View&, net::inet::Stack&, Watchers&, Ref<vfs::Inode>);
    /// Looks on from now on. err::nobufs.
    Result<> begin();
    ~PacketSocket() override;

    Result<> bind(const sockets::Address&) override;
    Result<> local_address(sockets::Address&) override;
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    Result<> change_filter(Ref<bpf::Program>) override;
    Ref<bpf::Program> filter() override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    Result<Ref<MemoryObject>> memory_object() override;
    u32 poll() override;
    WaitQueue& changed() override { return changed_; }

    /// A frame passes by an interface. Under the lock of the watchers.
    void see(const Frame&, u32 interface);
    struct Shown {
        u64 inode;
        Kuid owner;
        u32 interface, memory;
        u16 protocol;
        u8 type;
        bool runs;
    };
    Shown shown() const; // the same

private:
    /// PACKET_ADD_MEMBERSHIP, as often as it was asked for.
    struct Membership {
        u32 interface;
        u16 type, size;
        std::array<u8, 8> address;
        u32 count;
    };
    static constexpr usize most_memberships = 1024;
    bool cooked() const { return type() == 2; } // SOCK_DGRAM: without the link's header
    bool wants(const Frame&, u32 interface) const;
    void queue(const Frame&, u32 interface, u32 wanted);
    void fill(const Frame&, u32 interface, u32 wanted);
    void put_control(sockets::ReceiveMessage&, const net::Packet&);
    /// Where a message goes.
    struct Way {
        Ref<net::inet::Interface> out;
        u16 type; // ETH_P_*
        std::optional<net::LinkAddress> to;
    };
    Result<Way> way_of(const sockets::SendMessage&);
    Result<> change_membership(UserSpan<const std::byte> value, bool add);
    void count_promiscuous(const Membership&, i32 by);
    Result<> set_ring(UserSpan<const std::byte> value);
    Result<> set_number(int option, int value);
    Result<usize> get_header_size(UserSpan<std::byte> value);
    Result<usize> get_statistics(UserSpan<std::byte> value);

    const Ref<NetworkNamespace> network_;
    const Ref<Cgroup> payer_;
    net::inet::Stack& stack_;
    Watchers& watchers_;
    sockets::Options options_;
    WaitQueue changed_;
    bool looks_on_ = false;
    Kuid owner_{0}; // for /proc/net/packet

    // Under the lock of the watchers.
    u16 protocol_;      // ETH_P_*; 0: it hears of nothing
    u32 interface_ = 0; // 0: all
    net::PacketQueue queue_;
    Ref<Ring> ring_;
    u32 seen_ = 0, dropped_ = 0; // since they were told

    std::atomic<bool> auxiliary_ = false, ignores_outgoing_ = false, keeps_origin_ = false;
    std::atomic<int> timestamp_ = 0, loss_ = 0, bypass_ = 0, copy_threshold_ = 0;
    std::atomic<u64> last_time_ = ~u64{0}; // SIOCGSTAMP; ~0: nothing was read
    Mutex<Rank::socket> changing_;         // one who changes what follows
    RingLayout layout_;
    Vector<Membership> memberships_;
};

/// struct sockaddr_ll of a frame.
sockaddr_ll address_of(const net::Packet&, u16 type, u8 kind, u16 hardware, u32 interface);
} // namespace packet_sockets
