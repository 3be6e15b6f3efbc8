// The types that system calls take: how each is decoded from registers and printed in a trace line.
#pragma once
#include "core/mm/user.h"
#include "lib/format.h"
#include "lib/types.h"
#include <array>

namespace linux_abi {
/// A file descriptor.
enum class Fd : int {};
/// A directory's descriptor or AT_FDCWD.
enum class DirFd : int {};
/// A path or another short string, at most PATH_MAX bytes: copy with copy_path_in() (sys/path.h).
using UserPath = UserPtr<const char>;

/// The name of one bit (or of a value) of a flags argument.
struct FlagName {
    u64 bits;
    std::string_view name;
};
/// Flags that a trace prints by name: Bits<open_flags>.
template <const auto& names>
struct Bits {
    u32 bits;
};
/// A number of several choices, printed by name.
template <const auto& names>
struct Choice {
    int value;
};

/// What an argument's printer needs besides the value: whether the call has returned, and what.
struct TraceContext {
    i64 result;
};

void print_flags(Writer&, u64 bits, std::span<const FlagName> names);
void print_choice(Writer&, i64 value, std::span<const FlagName> names);
/// Quotes up to 32 bytes of user memory: "text"...
void print_user_bytes(Writer&, uptr address, usize size);
void print_user_string(Writer&, uptr address);
void print_address(Writer&, uptr address); // NULL, or hexadecimal

/// One specialisation per argument type: its width in registers, its name in the docs, decode, print.
template <class T>
struct Argument;

template <std::integral T>
struct Argument<T> {
    static constexpr usize width = 1;
    static T decode(const u64* r) { return static_cast<T>(*r); } // the C ABI: the low bits count
    static void print(Writer& out, T v, const TraceContext&) {
        if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
            if (v > 0xffff'ffff) return print_address(out, v);
        }
        ::print(out, "{}", v);
    }
};
template <>
struct Argument<Fd> {
    static constexpr usize width = 1;
    static Fd decode(const u64* r) { return Fd{static_cast<int>(*r)}; }
    static void print(Writer& out, Fd fd, const TraceContext&) { ::print(out, "{}", static_cast<int>(fd)); }
};
template <>
struct Argument<DirFd> {
    static constexpr usize width = 1;
    static DirFd decode(const u64* r) { return DirFd{static_cast<int>(*r)}; }
    static void print(Writer& out, DirFd fd, const TraceContext&) {
        if (static_cast<int>(fd) == -100)
            out.write("AT_FDCWD");
        else
            ::print(out, "{}", static_cast<int>(fd));
    }
};
template <class T>
struct Argument<UserPtr<T>> {
    static constexpr usize width = 1;
    static UserPtr<T> decode(const u64* r) { return UserPtr<T>{*r}; }
    static void print(Writer& out, UserPtr<T> p, const TraceContext&) { print_address(out, p.address()); }
};
template <>
struct Argument<UserPath> {
    static constexpr usize width = 1;
    static UserPath decode(const u64* r) { return UserPath{*r}; }
    static void print(Writer& out, UserPath p, const TraceContext&) { print_user_string(out, p.address()); }
};
template <class T>
struct Argument<UserSpan<T>> {
    static constexpr usize width = 2;
    static UserSpan<T> decode(const u64* r) { return {UserPtr<T>{r[0]}, r[1]}; }
    static void print(Writer& out, UserSpan<T> s, const TraceContext& context) {
        if constexpr (sizeof(T) == 1) {
            if constexpr (std::is_const_v<T>)
                print_user_bytes(out, s.data.address(), s.size);
            else if (context.result >= 0) {
                usize filled =
                    static_cast<usize>(context.result) < s.size ? static_cast<usize>(context.result) : s.size;
                print_user_bytes(out, s.data.address(), filled);
            } else
                print_address(out, s.data.address());
        } else
            print_address(out, s.data.address());
        ::print(out, ", {}", s.size);
    }
};
template <const auto& names>
struct Argument<Bits<names>> {
    static constexpr usize width = 1;
    static Bits<names> decode(const u64* r) { return {static_cast<u32>(*r)}; }
    static void print(Writer& out, Bits<names> v, const TraceContext&) { print_flags(out, v.bits, names); }
};
template <const auto& names>
struct Argument<Choice<names>> {
    static constexpr usize width = 1;
    static Choice<names> decode(const u64* r) { return {static_cast<int>(*r)}; }
    static void print(Writer& out, Choice<names> v, const TraceContext&) { print_choice(out, v.value, names); }
};
} // namespace linux_abi
