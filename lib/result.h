// One error type for the whole kernel: a Linux errno, or a value.
#pragma once
#include <expected>
#include <utility>

enum class Errno : unsigned short {
#define ERRNO(name, number, text) name = number,
#include "lib/errno.def"
#undef ERRNO
};

template <class T = void>
using Result = std::expected<T, Errno>;

namespace err { // `return err::noent;` and `if (r == err::again)` both read as English
#define ERRNO(name, number, text) inline constexpr std::unexpected name{Errno::name};
#include "lib/errno.def"
#undef ERRNO
} // namespace err

/// The value of a Result, or return its error to our caller.
#define TRY(...)                                                                                                       \
    ({                                                                                                                 \
        auto&& try_ = (__VA_ARGS__);                                                                                   \
        if (!try_) [[unlikely]]                                                                                        \
            return std::unexpected(try_.error());                                                                      \
        *std::move(try_);                                                                                              \
    })
