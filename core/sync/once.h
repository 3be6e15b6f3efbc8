// A global object that is made by whoever wants it first.
#pragma once
#include "core/sync/lock.h"
#include "lib/late.h"

/// For `constinit` globals whose value is known only when the machine runs: keys of hashes.
template <class T>
class Once {
public:
    constexpr Once() = default;
    /// `make()` returns the value; it is called once, under a spinlock.
    template <class Make>
    T& get(Make make) {
        if (!ready_.load(std::memory_order_acquire)) [[unlikely]]
            make_now(make);
        return *value_;
    }

private:
    template <class Make>
    [[gnu::noinline]] void make_now(Make& make) {
        Holding held{lock_};
        if (ready_.load(std::memory_order_relaxed)) return;
        value_.make_by(make);
        ready_.store(true, std::memory_order_release);
    }
    Spinlock<Rank::once> lock_;
    Late<T> value_;
    std::atomic<bool> ready_ = false;
};
