// Text that owns its bytes. A name, a path or a line; never a null-terminated pointer.
#pragma once
#include "lib/vector.h"
#include <cstring>
#include <string_view>

/// A string on the heap. Making one can fail; reading one cannot. Bytes, not characters: Linux's names are bytes.
class String {
public:
    String() = default;
    static Result<String> create(std::string_view s) {
        String made;
        TRY(made.append(s));
        return made;
    }
    Result<String> clone() const { return create(view()); }
    Result<> append(std::string_view s) { return bytes_.append({s.data(), s.size()}); }
    std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
    operator std::string_view() const { return view(); }
    usize size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }
    friend bool operator==(const String& a, std::string_view b) { return a.view() == b; }

private:
    Vector<char> bytes_;
};

/// A string of at most N bytes inside the object: names with a limit set by an ABI.
template <usize N>
class FixedString {
public:
    constexpr FixedString() = default;
    /// Keeps the first N bytes.
    constexpr FixedString(std::string_view s) { assign(s); }
    constexpr void assign(std::string_view s) {
        size_ = s.size() < N ? s.size() : N;
        for (usize i = 0; i < size_; i++) bytes_[i] = s[i];
    }
    constexpr std::string_view view() const { return {bytes_, size_}; }
    constexpr operator std::string_view() const { return view(); }
    constexpr bool empty() const { return size_ == 0; }

private:
    char bytes_[N] = {};
    usize size_ = 0;
};
