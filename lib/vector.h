// A growable array whose growth can fail. std::vector would throw.
#pragma once
#include "lib/memory.h"
#include "lib/types.h"
#include <cstring>
#include <span>
#include <type_traits>

template <class T>
class Vector {
public:
    Vector() = default;
    Vector(const Vector&) = delete;
    Vector(Vector&& o) noexcept
        : data_{std::exchange(o.data_, nullptr)},
          size_{std::exchange(o.size_, 0)},
          capacity_{std::exchange(o.capacity_, 0)} {}
    Vector& operator=(Vector o) noexcept {
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        std::swap(capacity_, o.capacity_);
        return *this;
    }
    ~Vector() {
        clear();
        if (data_) ::operator delete(data_, std::align_val_t{alignof(T)});
    }

    /// Make room for `n` elements in all, so that pushes up to there cannot fail.
    Result<> reserve(usize n) {
        if (n <= capacity_) return {};
        if (n > (~usize{0} >> 1) / sizeof(T)) return err::nomem;
        auto* grown = static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{alignof(T)}, std::nothrow));
        if (!grown) return err::nomem;
        for (usize i = 0; i < size_; i++) {
            new (grown + i) T(std::move(data_[i]));
            data_[i].~T();
        }
        ::operator delete(data_, std::align_val_t{alignof(T)});
        data_ = grown;
        capacity_ = n;
        return {};
    }
    Result<> push(T value) {
        if (size_ == capacity_) TRY(reserve(capacity_ ? 2 * capacity_ : 4));
        new (data_ + size_++) T(std::move(value));
        return {};
    }
    /// Adds copies at the end. The room doubles, so many short appends cost time by what they add.
    Result<> append(std::span<const T> more) {
        static_assert(std::is_trivially_copyable_v<T>);
        usize n = size_ + more.size();
        if (n > capacity_) TRY(reserve(n > 2 * capacity_ ? n : 2 * capacity_));
        if (!more.empty()) std::memcpy(data_ + size_, more.data(), more.size_bytes());
        size_ = n;
        return {};
    }
    Result<> resize(usize n) {
        TRY(reserve(n));
        if constexpr (std::is_trivially_default_constructible_v<T> && std::is_trivially_copyable_v<T>) {
            if (size_ < n) std::memset(static_cast<void*>(data_ + size_), 0, (n - size_) * sizeof(T)); // what T() makes
            if (size_ < n) size_ = n;
        }
        while (size_ < n) new (data_ + size_++) T();
        while (size_ > n) pop();
        return {};
    }
    void pop() { data_[--size_].~T(); }
    void erase(usize at) {
        for (usize i = at; i + 1 < size_; i++) data_[i] = std::move(data_[i + 1]);
        pop();
    }
    Result<> insert(usize at, T value) {
        TRY(push(std::move(value)));
        for (usize i = size_ - 1; i > at; i--) std::swap(data_[i], data_[i - 1]);
        return {};
    }
    void clear() {
        while (size_) pop();
    }

    usize size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T* data() { return data_; }
    const T* data() const { return data_; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    T& operator[](usize i) { return std::span<T>(data_, size_)[i]; }
    const T& operator[](usize i) const { return std::span<const T>(data_, size_)[i]; }
    T& back() { return (*this)[size_ - 1]; }
    operator std::span<T>() { return {data_, size_}; }
    operator std::span<const T>() const { return {data_, size_}; }

private:
    T* data_ = nullptr;
    usize size_ = 0, capacity_ = 0;
};
