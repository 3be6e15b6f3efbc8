// Reading several values without a lock, and learning whether they belong together.
#pragma once
#include "lib/types.h"
#include <atomic>

/// What Linux calls a sequence counter. The values themselves are atomics, read and written relaxed. Writers may
/// overlap, each with its own values.
class SeqCount {
public:
    /// What a reader calls first.
    u64 read_begin() const { return done_.load(std::memory_order_acquire); }
    /// And at its end, with what read_begin() said: whether somebody has written meanwhile, or was about to.
    bool read_retry(u64 begun) const {
        std::atomic_thread_fence(std::memory_order_acquire);
        return begun_.load(std::memory_order_relaxed) != begun;
    }
    /// A change, for a scope.
    class [[nodiscard]] Writing {
    public:
        explicit Writing(SeqCount& of) : of_{of} { of_.begun_.fetch_add(1, std::memory_order_seq_cst); }
        ~Writing() { of_.done_.fetch_add(1, std::memory_order_release); }
        Writing(const Writing&) = delete;

    private:
        SeqCount& of_;
    };

private:
    std::atomic<u64> begun_ = 0, done_ = 0;
};
