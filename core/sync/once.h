// What is made by whoever wants it first: a global object, or a part of an object.
#pragma once
#include "core/sync/lock.h"
#include "lib/late.h"
#include <concepts>
#include <memory>

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

/// For a part that an object has from its first use on, and owns: `made` becomes it, unless another thread was faster,
/// whose part is returned then, and `made` goes.
template <class Part, std::derived_from<Part> Made>
Made& keep_first(std::atomic<Part*>& part, std::unique_ptr<Made> made) {
    Part* first = nullptr;
    if (part.compare_exchange_strong(first, made.get(), std::memory_order_acq_rel)) return *made.release();
    return static_cast<Made&>(*first);
}
