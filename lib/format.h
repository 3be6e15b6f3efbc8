// Formatting without libc++'s <format> (47 KB for one line): print(out, "pid {} at {:x}\n", pid, address).
#pragma once
#include "lib/types.h"
#include <concepts>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

/// Where text goes. A writer that is full drops the rest and says so itself.
class Writer {
public:
    virtual void write(std::string_view) = 0;

protected:
    ~Writer() = default;
};

/// Writes into a caller's buffer; what does not fit is dropped and counted.
class BufferWriter final : public Writer {
public:
    explicit BufferWriter(std::span<char> to) : to_{to} {}
    void write(std::string_view s) override {
        usize n = s.size() < to_.size() - used_ ? s.size() : to_.size() - used_;
        std::memcpy(to_.data() + used_, s.data(), n);
        used_ += n;
        dropped_ += s.size() - n;
    }
    std::string_view text() const { return {to_.data(), used_}; }
    usize dropped() const { return dropped_; }

private:
    std::span<char> to_;
    usize used_ = 0, dropped_ = 0;
};

namespace format_detail {
/// What stands between the braces: {[:][<|>][0][#][width][x|X|o|c]}.
struct Spec {
    bool left = false, zero = false, prefix = false;
    unsigned width = 0;
    char type = 'd';
};
/// One argument, reduced to one of the few kinds that the engine prints.
struct Arg {
    enum class Kind : u8 { text, number, negative, boolean, character } kind;
    u64 number = 0;
    std::string_view text = {};
};
constexpr Arg arg(bool v) { return {Arg::Kind::text, 0, v ? std::string_view{"true"} : std::string_view{"false"}}; }
constexpr Arg arg(char v) { return {Arg::Kind::character, static_cast<u64>(static_cast<u8>(v))}; }
template <std::integral T>
constexpr Arg arg(T v) {
    if (std::is_signed_v<T> && v < 0) return {Arg::Kind::negative, 0 - static_cast<u64>(v)};
    return {Arg::Kind::number, static_cast<u64>(v)};
}
template <class T>
    requires std::is_enum_v<T>
constexpr Arg arg(T v) {
    return arg(static_cast<std::underlying_type_t<T>>(v));
}
inline Arg arg(std::string_view v) { return {Arg::Kind::text, 0, v}; }
inline Arg arg(const char* v) { return {Arg::Kind::text, 0, v ? std::string_view{v} : std::string_view{"(null)"}}; }
inline Arg arg(const void* v) { return {Arg::Kind::number, reinterpret_cast<u64>(v)}; }

void run(Writer&, std::string_view format, std::span<const Arg>);
} // namespace format_detail

/// Prints `format`, with each {} replaced by the next argument. {:x} and {:X} hexadecimal, {:#x} with 0x, {:o} octal,
/// {:>8} and {:<8} pad to a width, {:08x} pads with zeros.
template <class... A>
void print(Writer& out, std::string_view format, const A&... a) {
    if constexpr (sizeof...(A) == 0)
        format_detail::run(out, format, {});
    else {
        const format_detail::Arg args[] = {format_detail::arg(a)...};
        format_detail::run(out, format, args);
    }
}
