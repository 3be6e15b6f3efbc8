// Interfaces: netdevice(7).
#pragma once
#include "lib/intrusive.h"
#include "lib/string.h"
#include "lib/vector.h"
#include "net/stack/device.h"
#include "net/stack/neighbour.h"
#include <atomic>
#include <linux/if.h>

namespace net::inet {
class Outbox;
class Stack;

/// An address of an interface.
struct InterfaceAddress {
    Address address;
    u8 prefix = 0;                                        // bits as people count them
    u8 scope = 0;                                         // RT_SCOPE_*
    u32 flags = 0;                                        // IFA_F_*
    Address peer;                                         // unspecified: none
    Address broadcast;                                    // IPv4; unspecified: none
    u64 valid_until = ~u64{0}, preferred_until = ~u64{0}; // ns of the monotonic clock
    Prefix network() const { return Prefix::of(address, prefix); }
};

/// A group that somebody on this machine hears of by an interface.
struct InterfaceGroup {
    Address group;
    u32 users = 0;
};

/// An interface of one stack. Its stack keeps it, and who sends by it.
class Interface : public RefCounted<Interface>, public TreeLink<> {
public:
    static constexpr usize most_addresses = 1024, most_groups = 4096;
    virtual ~Interface() = default;

    Stack& stack() const { return stack_; }
    /// Set once, by Stack::add().
    u32 index() const { return index_; }
    u16 type() const { return type_; } // ARPHRD_*
    bool loopback() const { return type_ == 772; }
    u32 flags() const { return flags_.load(std::memory_order_relaxed); } // IFF_*
    bool up() const { return flags() & IFF_UP; }
    u32 mtu() const { return mtu_.load(std::memory_order_relaxed); }
    /// All zero where there is none.
    virtual LinkAddress link_address() const { return {}; }
    /// What packets given to send() may leave to it.
    Device::Offloads offloads;

    /// Sends a packet that begins with its IP header to a neighbour, or drops it. Under spinlocks down to
    /// Rank::network.
    virtual void send(PacketBox, const Address& next_hop, Outbox&) = 0;
    /// Sends a frame that has its link's header. `sender`: the packet socket whose it is, or null. As send().
    virtual void send_frame(PacketBox, Outbox&, const void* sender) = 0;
    /// A packet has come by it, as its link gives it. Without locks.
    virtual void arrive(PacketBox, Outbox&) = 0;
    /// Its network goes: nothing more may come.
    virtual void detach() {}
    /// It has gone up or down (flags()), or has another MTU. Under the stack's configuration lock.
    virtual void changed() {}
    /// Who is on its link; none where nobody asks for anybody. err::nomem.
    virtual Result<Vector<NeighbourTable::Entry>> neighbours() { return Vector<NeighbourTable::Entry>{}; }
    /// By hand: `permanent`, `reachable` or `stale`. err::opnotsupp, err::nomem, err::nobufs.
    virtual Result<> set_neighbour(const Address&, const LinkAddress&, Reachability) { return err::opnotsupp; }
    virtual Result<> remove_neighbour(const Address&) { return err::noent; } // err::noent
    /// A transport knows that what it sent by this has arrived.
    virtual void confirm(const Address&, u64 /*now*/) {}
    /// The first has joined a group, or the last has left it. Under the stack's configuration lock.
    virtual void group_changed(const Address& /*group*/, bool /*joined*/) {}

    /// How many want to see what is not for this machine: packet sockets. (The device gives what it gets.)
    std::atomic<u32> promiscuity = 0;

    /// What comes by it and goes on leaves with the address of the interface by which it leaves: containers' side of
    /// the host world. Set before it is up.
    bool translated = false;

    struct Counters {
        std::atomic<u64> packets_in = 0, bytes_in = 0, dropped_in = 0, errors_in = 0, multicast = 0;
        std::atomic<u64> packets_out = 0, bytes_out = 0, dropped_out = 0, errors_out = 0;
        void came(usize bytes) {
            packets_in.fetch_add(1, std::memory_order_relaxed);
            bytes_in.fetch_add(bytes, std::memory_order_relaxed);
        }
        void left(usize bytes) {
            packets_out.fetch_add(1, std::memory_order_relaxed);
            bytes_out.fetch_add(bytes, std::memory_order_relaxed);
        }
    } counters;

    /// Under the stack's lock.
    FixedString<IFNAMSIZ - 1> name;
    Vector<InterfaceAddress> addresses;
    Vector<InterfaceGroup> groups;
    /// Whether packets to a group are for this machine.
    bool hears(const Address& group) const;

protected:
    Interface(Stack& stack, std::string_view called, u16 type, u32 flags, u32 mtu)
        : stack_{stack}, type_{type}, flags_{flags}, mtu_{mtu} {
        name.assign(called);
    }

private:
    friend class Stack;
    Stack& stack_;
    u32 index_ = 0;
    const u16 type_;
    std::atomic<u32> flags_, mtu_;
};
} // namespace net::inet
