// The protocol's side of a socket: what its port leads to.
#pragma once
#include "core/wait/mutex.h"
#include "kernel/socket/options.h"
#include "net/inet/socket/flow.h"
#include "net/inet/socket/ip_options.h"

namespace net::inet {
class InetEndpoint : public Flow {
public:
    /// The network it is in, for as long as it is.
    const Ref<NetworkNamespace> network;
    /// Who pays for what has arrived: the container that made it.
    const Ref<Cgroup> payer;
    sockets::Options options;
    IpOptions ip;
    std::atomic<u32> timestamping = 0; // SO_TIMESTAMPING: SOF_TIMESTAMPING_*
    /// Who waits for readiness.
    WaitQueue changed;
    /// Guards the protocol's state. Held for what arrives; never while user memory is touched.
    Spinlock<Rank::socket_state> lock;
    /// One reader, and one writer, at a time.
    Mutex<Rank::socket> reading, writing;

    /// Of the file; 0: it is closed, or nobody has accepted it. And whose that is.
    std::atomic<u64> inode = 0;
    std::atomic<Kuid> owner{Kuid{0}};

    MemoryAccount& account() const { return *payer->account; }
    /// The way to `remote`: as before, if nothing has changed since. Under the lock. The errors are Stack::route()'s.
    Result<const Path*> path_to(const Endpoint& remote);
    /// What path_to() has found is out of date: an address or an option has changed. Under the lock.
    void forget_path() { path_.out = {}; }
    /// What devices have of what it has sent. Null: there is no memory for it. Under the lock.
    Unsent* unsent();
    usize unsent_bytes() const {
        Unsent* u = unsent_.load(std::memory_order_acquire);
        return u ? u->bytes() : 0;
    }
    /// Whether devices have less than `limit`. If not, devices_have_room() follows when they have less than `enough`.
    bool unsent_below(usize limit, usize enough) const {
        Unsent* u = unsent_.load(std::memory_order_acquire);
        return !u || u->bytes() < limit || !u->wait_below(enough) || u->bytes() < limit;
    }
    u8 hop_limit(const Address& to) const {
        int own = ip.of(to).hop_limit.load(std::memory_order_relaxed);
        return static_cast<u8>(own < 0 ? stack().settings.ttl.load(std::memory_order_relaxed) : static_cast<u32>(own));
    }
    u8 hop_limit() const { return hop_limit(remote.address); }
    /// The only interface it may use, or 0: SO_BINDTODEVICE, or the scope of its address.
    u32 bound_interface() const {
        u32 only = interface.load(std::memory_order_relaxed);
        return only ? only : local.interface;
    }
    void show(FlowShown&) override;
    ~InetEndpoint() override;
    /// How many bytes from `begin` on the socket's filter wants of a packet whose network header stands at 0. Without
    /// the lock.
    usize wanted(const Packet&, usize begin);

protected:
    InetEndpoint(Kind, u8 protocol, bool v6, Ref<NetworkNamespace>, Stack&, Ref<Cgroup>);
    /// Devices have sent most of what they had. As Unsent::Told.
    virtual void devices_have_room();
    /// It is not called any more: for destructors of those who override it.
    void forget_unsent();

private:
    std::atomic<Unsent*> unsent_ = nullptr; // made when something first goes to a device
    Path path_;
    Address path_for_;
};

/// What a new endpoint needs of its maker. err::nomem.
struct Maker {
    Ref<NetworkNamespace> network;
    Stack& stack;
    Ref<Cgroup> payer;
    static Result<Maker> caller();
};
} // namespace net::inet
