// Where file operations wait: O_NONBLOCK, signals, timeouts and poll meet here.
#pragma once
#include "kernel/file/file.h"
#include <linux/eventpoll.h>

namespace file {
/// What may end a wait to read, and one to write.
inline constexpr u32 failed = EPOLLERR | EPOLLHUP;
inline constexpr u32 to_read = EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLRDHUP | failed;
inline constexpr u32 to_write = EPOLLOUT | EPOLLWRNORM | failed;
/// How long a call may wait that has no timeout of its own.
inline Deadline patience(bool nonblocking) { return nonblocking ? at_once : never; }
template <class T>
bool is_again(const Result<T>& answer) {
    return !answer && answer.error() == Errno::again;
}
/// The answer of a wait: one that had an end is not begun anew after a signal.
template <class T>
Result<T> ended(Result<T> answer, Deadline until) {
    if (!answer && answer.error() == Errno::restartsys && until != never) return err::intr;
    return answer;
}
} // namespace file

/// The part of block_on() that sleeps. Not inlined: a call that finds what it wants would save registers for this.
template <class Attempt>
[[gnu::noinline]] auto wait_and_attempt(File& file, u32 events, Deadline until, Attempt& attempt)
    -> decltype(attempt()) {
    WaitQueue& queue = file.changed();
    auto answer = [&] {
        Sleeper self;
        Wait wait{queue, self, events, true};
        for (bool late = false;;) {
            auto now = attempt();
            if (now || now.error() != Errno::again || late) return now;
            auto slept = self.sleep(until);
            if (slept) [[likely]]
                continue;
            if (slept.error() != Errno::timedout) return decltype(now){std::unexpected(slept.error())};
            late = true;
        }
    }();
    // The others may have slept because we were told: what is left is theirs.
    if (!queue.empty() && file.poll() & events) queue.notify_one(events);
    return answer;
}
/// Calls attempt() until it answers something else than err::again. Between attempts it waits for one of `events`
/// (EPOLL*), of which one waiter hears at a time. err::again when the deadline has passed (as SO_RCVTIMEO wants);
/// err::restartsys: a signal came.
template <class Attempt>
auto block_on(File& file, u32 events, Deadline until, Attempt attempt) -> decltype(attempt()) {
    auto answer = attempt();
    if (answer.has_value() || answer.error() != Errno::again || until == at_once) return answer;
    return wait_and_attempt(file, events, until, attempt);
}

namespace file {
/// Whether a call may wait: as the file's O_NONBLOCK says, or never (RWF_NOWAIT; err::again).
enum class Waiting : u8 { as_flags, never };
/// read(2), write(2) and their relatives after the descriptor has been found: checks the open mode (err::badf), takes
/// the position, blocks as the flags say, counts towards RLIMIT_FSIZE, sends SIGPIPE. A write larger than room
/// continues until all is written (blocking) as pipes and terminals demand. err::inval: see check_range().
Result<usize> read(File&, Sink&, Waiting = Waiting::as_flags);
Result<usize> write(File&, Source&, Waiting = Waiting::as_flags);
/// At an offset, the file's own position untouched. err::spipe: not seekable.
Result<usize> read_at(File&, Sink&, u64 offset, Waiting = Waiting::as_flags);
Result<usize> write_at(File&, Source&, u64 offset, Waiting = Waiting::as_flags);
/// The same for transfers from file to file, who tell those who watch the files (kernel/file/notify.h) once themselves.
namespace untold {
Result<usize> read_at(File&, Sink&, u64 offset, Waiting = Waiting::as_flags);
Result<usize> write(File&, Source&, Waiting = Waiting::as_flags);
Result<usize> write_at(File&, Source&, u64 offset, Waiting = Waiting::as_flags);
} // namespace untold
/// Offsets end at 2^63 - 1. err::inval: a transfer of `n` bytes at `offset`, or at the file's position if that is null,
/// would pass them. Files without offsets take every size that a call can return.
Result<> check_range(File&, const u64* offset, usize n);
Result<u64> seek(File&, i64 offset, int whence);
/// Kernel callers: all bytes at an offset. err::io when the file ends before.
Result<> read_exactly(File&, std::span<std::byte>, u64 offset);
} // namespace file
