// Who pays for memory: one account per container, and one for the host world and the kernel.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include <atomic>

/// Counts bytes against a limit. Every frame and every slab object remembers its account's index and gives the bytes
/// back to it, whoever frees it: a frame at once, an object when its slab goes or somebody else takes the object
/// (core/alloc/heap.cpp). An account's slot is free again when it is closed and nothing is charged to it any more.
class MemoryAccount {
public:
    static MemoryAccount& kernel(); // no limit; never goes
    /// err::nomem: no free slot (32,767 accounts).
    static Result<MemoryAccount*> create(u64 limit_bytes);
    void close(); // by its owner, when it is deleted; the kernel's stays open

    /// err::nomem when the limit would be passed. The caller decides about the OOM killer.
    Result<> charge(u64 bytes);
    void uncharge(u64 bytes) { used_.fetch_sub(bytes, std::memory_order_release); }
    u64 used() const { return used_.load(std::memory_order_relaxed); }
    u64 peak() const { return peak_.load(std::memory_order_relaxed); }
    u64 limit() const { return limit_.load(std::memory_order_relaxed); }
    /// May be below what is used: then nothing more can be charged.
    void set_limit(u64 bytes);
    /// Times a charge failed: for memory events.
    u64 failures() const { return failures_.load(std::memory_order_relaxed); }
    /// Bytes of files that were changed and are to be written back: kernel/vfs/write_back.h.
    std::atomic<u64> dirty = 0;
    /// Of a container that has been deleted: what is still charged is on its way back.
    bool closed() const { return index_ && !open_.load(std::memory_order_relaxed); }
    u16 index() const { return index_; }
    static MemoryAccount& at(u16 index);
    /// The current thread's account; the kernel's before there are threads.
    static MemoryAccount& current();

    // Watermarks. When less than a sixteenth of the limit is left, or little of the machine's memory (then it is the
    // kernel's account that asks), what caches hold is to be given back until there is enough again. The thread that
    // asks gets arch::work_reclaim, for where it may wake the one that reclaims: here no lock can be taken.
    void ask_for_reclaim();
    /// Whether one has asked that has not been taken.
    static bool any_asks() { return asking_.load(std::memory_order_relaxed); }
    /// All that have asked, chained by next_asking(). None asks again before its answered().
    static MemoryAccount* take_asking() { return asking_.exchange(nullptr, std::memory_order_acquire); }
    void answered() { asked_.store(false, std::memory_order_release); }
    MemoryAccount*& next_asking() { return next_asking_; } // of one that was taken: the taker's
    /// As much is left as reclaiming shall reach: twice what makes it ask, of the machine's memory half as much again.
    bool has_enough() const;
    /// Hardly half of that is left which makes it ask.
    bool has_little() const;

    constexpr MemoryAccount() = default;

private:
    static MemoryAccount* take_free(unsigned first, unsigned end);
    Result<> charge_near_limit(u64 used, u64 bytes);
    static std::atomic<MemoryAccount*> asking_;
    std::atomic<u64> used_ = 0, peak_ = 0, failures_ = 0;
    std::atomic<u64> limit_ = ~u64{0};
    u16 index_ = 0;
    std::atomic<bool> open_ = false, asked_ = false;
    std::atomic<u64> watermark_ = ~u64{0}; // what is used without asking for reclaim; never above the limit
    MemoryAccount* next_asking_ = nullptr;
};

/// What this scope allocates is charged to `account`. Where the thread's rights are not its own either, see WorkingFor
/// (kernel/credentials/caller.h), which contains one.
class [[nodiscard]] Charging {
public:
    explicit Charging(MemoryAccount& account);
    ~Charging();
    Charging(const Charging&) = delete;

private:
    MemoryAccount* const before_;
};
