// Where transferred bytes go to and come from: user memory by segments, a kernel buffer, or pages of files and pipes. A
// file operation moves bytes through these and need not know which it is. Below abi/ this is the only way that user
// data flows.
#pragma once
#include "core/alloc/frame.h"
#include "lib/result.h"
#include "lib/types.h"
#include <optional>
#include <span>

/// One piece of user memory, laid out like struct iovec.
struct UserSegment {
    uptr address;
    usize size;
};

/// Bytes that one call moves at most: Linux's MAX_RW_COUNT.
inline constexpr usize most_moved = 0x7ffff000;

namespace cursor_detail {
/// The common part: a list of segments (kernel memory is one segment), and how far we are.
class Cursor {
public:
    usize remaining() const { return remaining_; }
    usize moved() const { return moved_; }
    bool done() const { return remaining_ == 0; }
    /// Where it is, to go back to: for who wants all of several pieces or none.
    struct Position {
        std::span<const UserSegment> segments;
        usize used, remaining, moved;
    };
    Position position() const { return {segments_, used_, remaining_, moved_}; }
    void go_back(const Position& to) {
        segments_ = to.segments;
        used_ = to.used;
        remaining_ = to.remaining;
        moved_ = to.moved;
    }
    /// Consider at most `n` more bytes (a file's end, a size limit).
    void limit(usize n) {
        if (n < remaining_) remaining_ = n;
    }

protected:
    Cursor(std::span<const UserSegment> segments, usize total, bool kernel)
        : segments_{segments}, remaining_{total}, kernel_{kernel} {}
    template <class Move>
    Result<usize> advance(usize n, Move move);
    template <class Move>
    usize advance_over(usize n, Move move);
    std::span<const UserSegment> segments_; // the first one may be partly used
    usize used_ = 0;                        // of segments_[0]
    usize remaining_, moved_ = 0;
    bool kernel_;
};
} // namespace cursor_detail

/// A destination that is filled from the front.
class Sink : public cursor_detail::Cursor {
public:
    /// The segments must outlive the Sink; their sizes add up to `total` or more.
    Sink(std::span<const UserSegment> user, usize total) : Cursor{user, total, false} {}
    explicit Sink(std::span<std::byte> kernel)
        : Cursor{{&own_, 1}, kernel.size(), true}, own_{reinterpret_cast<uptr>(kernel.data()), kernel.size()} {}
    Sink(const Sink&) = delete;

    /// Copies as much as fits and can be written; returns that. err::fault only when not one byte could be moved into
    /// remaining room. May fault pages in: no spinlock may be held.
    Result<usize> put(std::span<const std::byte> from);
    /// The same, with zeros.
    Result<usize> put_zeros(usize n);

private:
    UserSegment own_{};
};

/// A source that is used up from the front.
class Source : public cursor_detail::Cursor {
public:
    Source(std::span<const UserSegment> user, usize total) : Cursor{user, total, false} {}
    explicit Source(std::span<const std::byte> kernel)
        : Cursor{{&own_, 1}, kernel.size(), true}, own_{reinterpret_cast<uptr>(kernel.data()), kernel.size()} {}
    /// Parts of pages; each of `kernel` lies in the one of `frames` with its number.
    Source(std::span<const UserSegment> kernel, usize total, std::span<const FrameRef> frames)
        : Cursor{kernel, total, true}, frames_{frames} {}
    Source(const Source&) = delete;

    /// Goes to the end of the file, whatever offset is given: RWF_APPEND.
    bool append = false;
    /// Others follow at once: MSG_MORE, for those who know what to do with it.
    bool more = false;
    /// What shall have been written back when the call returns: RWF_DSYNC, RWF_SYNC.
    enum class Sync : u8 { no, data, all } sync = Sync::no;
    /// Copies out as much as there is; returns that. Errors as Sink::put().
    Result<usize> get(std::span<std::byte> to);
    /// The same, and stays where it was: for those who must see the bytes to know whether they can take them.
    Result<usize> peek(std::span<std::byte> to);
    /// Copies out all `to` can take of what there is, or nothing: err::fault.
    Result<usize> get_all(std::span<std::byte> to);
    /// Uses bytes up without looking at them: /dev/null.
    Result<usize> skip(usize n);

    /// Bytes that lie in a page, which whoever sends them on may keep instead of a copy. Its owner may write it
    /// meanwhile.
    struct Shared {
        FrameRef frame;
        u32 offset, size;
    };
    /// Whether the bytes lie in pages.
    bool shares() const { return !frames_.empty(); }
    /// The next bytes, used up: at most `most`, which is not 0, and as far as the page goes. Nothing: there are none.
    std::optional<Shared> share(usize most);

private:
    std::span<const FrameRef> frames_;
    UserSegment own_{};
};
