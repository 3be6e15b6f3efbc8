// Ownership: Box for one owner, Ref for many. make() and make_ref() are the only ways to make an object on the heap.
#pragma once
#include "lib/result.h"
#include <atomic>
#include <memory>
#include <new>

template <class T>
using Box = std::unique_ptr<T>;

/// An object on the heap, or err::nomem.
template <class T, class... A>
Result<Box<T>> make(A&&... a) {
    if (auto* p = new (std::nothrow) T(std::forward<A>(a)...)) return Box<T>{p};
    return err::nomem;
}

/// Base of what Ref counts. The count starts at 1, owned by whoever made the object.
/// The last Ref calls `T::last_ref_gone(T*)` where T declares it, else deletes.
template <class T>
class RefCounted {
public:
    RefCounted() = default;
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;

    /// For caches that hold objects weakly: take a reference unless the last one is already gone.
    bool try_retain() const {
        unsigned n = refs_.load(std::memory_order_relaxed);
        while (n != 0)
            if (refs_.compare_exchange_weak(n, n + 1, std::memory_order_acq_rel)) return true;
        return false;
    }
    /// Gives back a count of the caller's unless it is the last one. For where the object must not be destroyed.
    bool release_unless_last() const {
        unsigned n = refs_.load(std::memory_order_relaxed);
        while (n > 1)
            if (refs_.compare_exchange_weak(n, n - 1, std::memory_order_acq_rel)) return true;
        return false;
    }
    /// Takes the last count away unless there are others: then nobody can get one, and the caller destroys the object.
    bool claim_last() const {
        unsigned last = 1;
        return refs_.compare_exchange_strong(last, 0, std::memory_order_acq_rel);
    }
    /// Adds a count to an object that is part of another one and counted for who holds it besides; whether it is the
    /// only one.
    bool retain_first() const { return refs_.fetch_add(1, std::memory_order_relaxed) == 0; }
    unsigned ref_count() const { return refs_.load(std::memory_order_acquire); }

protected:
    ~RefCounted() = default;

private:
    template <class U>
    friend class Ref;
    mutable std::atomic<unsigned> refs_{1};
};

/// A counted reference; may be null only when default-made, made from nullptr or moved from.
template <class T>
class Ref {
public:
    Ref() = default;
    Ref(std::nullptr_t) {}
    Ref(const Ref& o) : Ref{share(o.p_)} {}
    Ref(Ref&& o) noexcept : p_{std::exchange(o.p_, nullptr)} {}
    template <class U>
        requires std::is_convertible_v<U*, T*>
    Ref(const Ref<U>& o) : Ref{share(o.get())} {}
    template <class U>
        requires std::is_convertible_v<U*, T*>
    Ref(Ref<U>&& o) noexcept : p_{o.release()} {}
    Ref& operator=(Ref o) noexcept {
        std::swap(p_, o.p_);
        return *this;
    }
    ~Ref() { drop(p_); }

    /// Take over a count that the caller holds.
    static Ref adopt(T* p) {
        Ref r;
        r.p_ = p;
        return r;
    }
    /// Add a count of our own to an object that somebody keeps alive.
    static Ref share(T* p) {
        if (p) p->refs_.fetch_add(1, std::memory_order_relaxed);
        return adopt(p);
    }
    /// Give the count to the caller, who must adopt() it later.
    [[nodiscard]] T* release() { return std::exchange(p_, nullptr); }

    /// Gives the count up without deleting: the object if that was the last count (the caller deletes it), else null.
    /// For chains of objects that must not be taken apart by recursion.
    [[nodiscard]] T* drop_last() {
        T* p = release();
        return p && p->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1 ? p : nullptr;
    }

    T* get() const { return p_; }
    T* operator->() const { return p_; }
    T& operator*() const { return *p_; }
    explicit operator bool() const { return p_ != nullptr; }
    friend bool operator==(const Ref& a, const Ref& b) { return a.p_ == b.p_; }
    friend bool operator==(const Ref& a, const T* b) { return a.p_ == b; }

private:
    static void drop(T* p) {
        if (!p || p->refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if constexpr (requires { T::last_ref_gone(p); })
            T::last_ref_gone(p);
        else
            delete p;
    }
    T* p_ = nullptr;
};

/// A counted object on the heap, or err::nomem.
template <class T, class... A>
Result<Ref<T>> make_ref(A&&... a) {
    if (auto* p = new (std::nothrow) T(std::forward<A>(a)...)) return Ref<T>::adopt(p);
    return err::nomem;
}
