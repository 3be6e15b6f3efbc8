// Typed addresses in user space. None can be followed but by copy_in and copy_out; used by abi/ only.
#pragma once
#include "arch/api/user_copy.h"
#include <span>
#include <type_traits>

/// `const T`: an input of the call; `T`: an output, or both.
template <class T>
class UserPtr {
public:
    constexpr UserPtr() = default;
    constexpr explicit UserPtr(uptr address) : address_{address} {}
    constexpr operator UserPtr<const T>() const { return UserPtr<const T>{address_}; }
    constexpr explicit operator bool() const { return address_ != 0; }
    constexpr uptr address() const { return address_; }
    /// The i-th element of an array; may wrap, which the copy then refuses.
    constexpr UserPtr operator+(usize i) const
        requires(!std::is_void_v<T>)
    {
        return UserPtr{address_ + i * sizeof(T)};
    }
    template <class U>
    constexpr UserPtr<U> as(usize offset = 0) const {
        return UserPtr<U>{address_ + offset};
    }

private:
    uptr address_ = 0;
};

/// The (address, length) pair of read, write, getrandom...
template <class T>
struct UserSpan {
    UserPtr<T> data;
    usize size = 0; // elements
};

template <class T>
concept Plain = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>;
/// No padding that could carry kernel bytes out.
template <class T>
concept Padless = Plain<T> && std::has_unique_object_representations_v<T>;

template <Plain T>
Result<std::remove_const_t<T>> copy_in(UserPtr<T> from) {
    std::remove_const_t<T> value;
    TRY(arch::copy_in(&value, from.address(), sizeof value));
    return value;
}
template <Padless T>
    requires(!std::is_const_v<T>)
Result<> copy_out(UserPtr<T> to, const std::type_identity_t<T>& value) {
    return arch::copy_out(to.address(), &value, sizeof value);
}
/// For structures of the UAPI that have padding: `value` was zeroed as a whole before its members were set.
template <Plain T>
    requires(!std::is_const_v<T>)
Result<> copy_out_zeroed(UserPtr<T> to, const std::type_identity_t<T>& value) {
    return arch::copy_out(to.address(), &value, sizeof value);
}
/// Arrays. The caller has bounded the count.
template <Plain T>
Result<> copy_in(std::span<std::remove_const_t<T>> to, UserPtr<T> from) {
    return arch::copy_in(to.data(), from.address(), to.size_bytes());
}
template <Padless T>
    requires(!std::is_const_v<T>)
Result<> copy_out(UserPtr<T> to, std::span<const T> from) {
    return arch::copy_out(to.address(), from.data(), from.size_bytes());
}
/// Extensible structures (clone3, openat2...): copies min(size, sizeof(T)) bytes, the rest is zero.
/// err::toobig when the user's structure is longer and its tail is not zero; err::inval when shorter than `least`.
template <Plain T>
Result<T> copy_in_extensible(UserPtr<const T> from, usize size, usize least) {
    if (size < least) return err::inval;
    if (size > 4096) return err::toobig;
    T value{};
    TRY(arch::copy_in(&value, from.address(), size < sizeof(T) ? size : sizeof(T)));
    for (usize at = sizeof(T); at < size;) {
        unsigned char rest[64];
        usize n = size - at < sizeof rest ? size - at : sizeof rest;
        TRY(arch::copy_in(rest, from.address() + at, n));
        for (usize i = 0; i < n; i++)
            if (rest[i]) return err::toobig;
        at += n;
    }
    return value;
}
