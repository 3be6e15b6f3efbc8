// The fair class: threads share a CPU in proportion to their weights, earliest eligible virtual deadline first
// (EEVDF: Stoica and Abdel-Wahab, 1995). A pure data structure; its owner locks it.
#pragma once
#include "lib/types.h"

namespace sched {
/// What a fair thread asks for at a time, on the CPU's own clock; sched_rr_get_interval(2) shows it.
inline constexpr u32 slice_ns = 3'000'000;
} // namespace sched

/// Virtual time is nanoseconds of a thread of weight 1024 (nice 0).
struct FairEntity {
    i64 vruntime = 0, deadline = 0;
    i64 lag = 0; // what it was owed when it left the queue
    u32 weight = 1024;
    u32 slice_ns = sched::slice_ns;
    // A treap by deadline; each node knows the least vruntime below it. Boost.Intrusive has no augmented tree.
    FairEntity *left = nullptr, *right = nullptr;
    i64 least_vruntime = 0;
    u32 heap_key = 0;
};

class FairQueue {
public:
    /// 1024 * 1.25^-nice.
    static u32 weight_of_nice(int nice);
    static constexpr u32 idle_weight = 3;

    /// Adds a thread that becomes ready, placed so that it keeps the lag it left with (bounded).
    void enqueue(FairEntity&);
    /// Removes one, the current one included.
    void dequeue(FairEntity&);
    /// The one that should run next; null when empty. The current one competes as well.
    FairEntity* pick() const;
    /// Takes `e` (queued) as the running one, or none. The previous one goes back into the tree.
    void set_current(FairEntity*);
    FairEntity* current() const { return current_; }
    /// `ns` of CPU time used by the current one. True when its slice is over.
    bool charge(u64 ns);
    /// What the current one has left of its slice, in CPU time.
    u64 slice_left_ns() const;
    /// Moves the current one behind the others that are eligible (sched_yield).
    void yield_current();
    /// Whether `e`, just queued, should run before the current one.
    bool preempts(const FairEntity& e) const;
    /// Some entity other than the current one that `accept` likes, latest deadline first; for stealing.
    FairEntity* find(bool (*accept)(FairEntity&, void*), void* argument) const;
    unsigned count() const { return count_; } // with the current one
    i64 average() const;                      // the queue's virtual time

private:
    bool eligible(i64 vruntime) const;
    void add_to_sums(const FairEntity&);
    void take_from_sums(const FairEntity&);
    void rebase();
    void insert(FairEntity&);
    void erase(FairEntity&);

    FairEntity* root_ = nullptr;
    FairEntity* current_ = nullptr;
    i64 base_ = 0; // keys are relative to it, so that sums stay small
    i64 sum_ = 0;  // of (vruntime - base) * weight
    u64 weights_ = 0;
    unsigned count_ = 0;
    u32 seed_ = 2463534242;
};
