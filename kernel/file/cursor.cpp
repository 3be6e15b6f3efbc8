#include "kernel/file/cursor.h"
#include "arch/api/user_copy.h"
#include <array>
#include <cstring>
#include <utility>

namespace {
constexpr usize least(usize a, usize b) { return a < b ? a : b; }
} // namespace

namespace cursor_detail {
/// Calls move(address, n) for the user or kernel pieces of the next `n` bytes; move answers how many it did.
template <class Move>
Result<usize> Cursor::advance(usize n, Move move) {
    n = least(n, remaining_);
    usize done = 0;
    // Nearly always, all of it lies in the segment at hand.
    if (n && n <= segments_.front().size - used_) [[likely]] {
        done = move(segments_.front().address + used_, n, 0);
        used_ += done;
    } else
        done = advance_over(n, move);
    remaining_ -= done;
    moved_ += done;
    if (done == 0 && n != 0) return err::fault;
    return done;
}

template <class Move>
usize Cursor::advance_over(usize n, Move move) {
    usize done = 0;
    while (done < n) {
        while (used_ == segments_[0].size) {
            segments_ = segments_.subspan(1);
            used_ = 0;
        }
        usize part = least(n - done, segments_[0].size - used_);
        usize did = move(segments_[0].address + used_, part, done);
        done += did;
        used_ += did;
        if (did < part) break;
    }
    return done;
}
} // namespace cursor_detail

Result<usize> Sink::put(std::span<const std::byte> from) {
    return advance(from.size(), [&](uptr to, usize n, usize at) {
        if (!kernel_) return arch::copy_out_partial(to, from.data() + at, n);
        std::memcpy(reinterpret_cast<void*>(to), from.data() + at, n);
        return n;
    });
}

Result<usize> Sink::put_zeros(usize n) {
    return advance(n, [&](uptr to, usize part, usize) -> usize {
        if (kernel_) {
            std::memset(reinterpret_cast<void*>(to), 0, part);
            return part;
        }
        if (arch::clear_user(to, part)) return part;
        // Some of it cannot be written: up to there it is.
        static constexpr std::array<std::byte, 256> zeros{};
        usize done = 0, did;
        do {
            did = arch::copy_out_partial(to + done, zeros.data(), least(part - done, zeros.size()));
            done += did;
        } while (did == zeros.size() && done < part);
        return done;
    });
}

Result<usize> Source::get(std::span<std::byte> to) {
    return advance(to.size(), [&](uptr from, usize n, usize at) {
        if (!kernel_) return arch::copy_in_partial(to.data() + at, from, n);
        std::memcpy(to.data() + at, reinterpret_cast<const void*>(from), n);
        return n;
    });
}

Result<usize> Source::peek(std::span<std::byte> to) {
    Position here = position();
    auto n = get(to);
    go_back(here);
    return n;
}

Result<usize> Source::get_all(std::span<std::byte> to) {
    Position here = position();
    auto n = get(to);
    if (!n || *n == least(to.size(), here.remaining)) return n;
    go_back(here);
    return err::fault;
}

Result<usize> Source::skip(usize n) {
    if (n >= remaining_) { // nobody looks at the segments any more
        n = std::exchange(remaining_, 0);
        moved_ += n;
        return n;
    }
    return advance(n, [](uptr, usize part, usize) { return part; });
}

std::optional<Source::Shared> Source::share(usize most) {
    if (done() || !shares()) return std::nullopt;
    while (used_ == segments_.front().size) {
        segments_ = segments_.subspan(1);
        used_ = 0;
    }
    const FrameRef& frame = frames_[frames_.size() - segments_.size()];
    uptr at = segments_.front().address + used_;
    usize n = least(least(most, remaining_), segments_.front().size - used_);
    used_ += n;
    remaining_ -= n;
    moved_ += n;
    return Shared{frame, static_cast<u32>(at - reinterpret_cast<uptr>(frame->data())), static_cast<u32>(n)};
}
