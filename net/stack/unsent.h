// How much of what somebody has sent waits in queues of devices and neighbours: for SO_SNDBUF, and so that a connection
// does not send more than the device takes.
#pragma once
#include "core/sync/lock.h"
#include "lib/memory.h"

namespace net {
/// Counts for one sender; its packets keep it. Any context, under spinlocks down to Rank::device.
class Unsent final : public RefCounted<Unsent> {
public:
    using Told = void (*)(void* of);
    /// `told` is called with `of` from any context and under those locks: it may take Rank::work's and what is below.
    Unsent(Told told, void* of) : told_{told}, of_{of} {}
    usize bytes() const { return bytes_.load(std::memory_order_relaxed); }
    /// The sender is told once, when there are fewer than `limit`. False: there are.
    bool wait_below(usize limit) {
        limit_.store(limit);
        return bytes_.load() >= limit;
    }
    /// The sender goes: it is not told any more.
    void forget() {
        Holding held{lock_};
        of_ = nullptr;
    }

private:
    friend class Packet;
    void take(usize n) { bytes_.fetch_add(n); }
    void let_go(usize n) {
        if (bytes_.fetch_sub(n) - n < limit_.load()) tell();
    }
    void tell() {
        Holding held{lock_};
        if (limit_.exchange(0) && of_) told_(of_);
    }
    std::atomic<usize> bytes_ = 0, limit_ = 0; // limit 0: nobody waits
    Spinlock<Rank::unsent> lock_;
    const Told told_;
    void* of_;
};
} // namespace net
