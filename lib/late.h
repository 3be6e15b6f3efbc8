// Room for a global object that is made at a known moment of the boot, not by a constructor before it.
#pragma once
#include "lib/types.h"
#include <memory>
#include <new>
#include <utility>

template <class T>
class Late {
public:
    constexpr Late() = default;
    Late(const Late&) = delete;
    template <class... A>
    T& make(A&&... a) {
        return *new (bytes_) T(std::forward<A>(a)...);
    }
    /// What `make()` returns, which need not be movable.
    template <class Make>
    T& make_by(Make& make) {
        return *new (bytes_) T(make());
    }
    T& operator*() { return *std::launder(reinterpret_cast<T*>(bytes_)); }
    T* operator->() { return &**this; }

private:
    alignas(T) std::byte bytes_[sizeof(T)] = {};
};
