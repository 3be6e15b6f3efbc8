#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/file/notify.h"
#include <asm/fcntl.h>
#include <linux/fs.h>

namespace file {
namespace {
constexpr u64 last_offset = ~u64{0} >> 1;

Deadline patience_of(File& f, Waiting how, bool writes) {
    return how == Waiting::never || f.nonblocking() ? at_once : f.patience(writes);
}
bool passes_the_end(u64 offset, usize n) { return offset + n > last_offset; }

// What sleeps, or goes on, stands out of line: a call that is done at once saves no registers for it.
// What has been moved wins: a socket may have waited for more (SO_RCVLOWAT).
[[gnu::noinline]] Result<usize> read_later(File& f, Sink& to, u64* at, Waiting how) {
    Deadline until = patience_of(f, how, false);
    auto attempt = [&] { return f.read(to, at); };
    Result<usize> answer = until == at_once ? err::again : wait_and_attempt(f, to_read, until, attempt);
    if (answer) [[likely]]
        return answer;
    bool over = is_again(answer) || answer == err::restartsys;
    return over && to.moved() ? Result<usize>{to.moved()} : ended(answer, until);
}
Result<usize> read_from(File& f, Sink& to, u64* at, Waiting how) {
    to.limit(most_moved);
    auto answer = f.read(to, at);
    if (!is_again(answer)) [[likely]]
        return answer;
    return read_later(f, to, at, how);
}

/// Goes on after a first attempt; what has been written since `before` wins over a later error.
[[gnu::noinline]] Result<usize> write_on(File& f, Source& from, u64* at, Waiting how, usize before,
                                         Result<usize> answer) {
    auto attempt = [&] { return f.write(from, at); };
    Deadline until = patience_of(f, how, true);
    if (is_again(answer) && until != at_once) answer = wait_and_attempt(f, to_write, until, attempt);
    while (answer && *answer != 0 && !from.done() && !f.seekable()) answer = block_on(f, to_write, until, attempt);
    if (!answer && answer.error() == Errno::pipe && f.raises_pipe_signal()) broken_pipe();
    usize moved = from.moved() - before;
    return moved ? Result<usize>{moved} : ended(answer, until);
}
/// Until all is written.
Result<usize> write_to(File& f, Source& from, u64* at, Waiting how) {
    from.limit(most_moved);
    usize before = from.moved();
    auto answer = f.write(from, at);
    if (answer && from.done()) [[likely]]
        return answer;
    return write_on(f, from, at, how, before, answer);
}

/// After writing up to `end` to a file that has offsets.
Result<usize> write_ended(File& f, const Source& from, u64 end, Result<usize> answer) {
    if (f.writes_back && answer && *answer) [[unlikely]]
        TRY(f.end_write(from, end - *answer, end));
    return answer;
}

// Each stands in both: one that tells, and one that leaves that to its caller.
[[gnu::always_inline]] inline Result<usize> write_here(File& f, Source& from, Waiting how) {
    if (!f.writable()) return err::badf;
    u64 none = 0;
    if (!f.seekable()) return write_to(f, from, &none, how);
    auto position = f.position.lock();
    if (passes_the_end(*position, from.remaining())) return err::inval;
    auto answer = write_to(f, from, &*position, how);
    return write_ended(f, from, *position, answer);
}
[[gnu::always_inline]] inline Result<usize> read_there(File& f, Sink& to, u64 offset, Waiting how) {
    if (offset > last_offset) return err::inval;
    if (!f.seekable()) return err::spipe;
    if (!f.readable()) return err::badf;
    if (passes_the_end(offset, to.remaining())) return err::inval;
    return read_from(f, to, &offset, how);
}
[[gnu::always_inline]] inline Result<usize> write_there(File& f, Source& from, u64 offset, Waiting how) {
    if (offset > last_offset) return err::inval;
    if (!f.seekable()) return err::spipe;
    if (!f.writable()) return err::badf;
    if (passes_the_end(offset, from.remaining())) return err::inval;
    auto answer = write_to(f, from, &offset, how);
    return write_ended(f, from, offset, answer);
}

inline Result<usize> told(File& f, u32 event, Result<usize> answer) {
    if (anybody_watches()) [[unlikely]]
        if (answer && *answer) tell_observer(f, event);
    return answer;
}
} // namespace

Result<usize> read(File& f, Sink& to, Waiting how) {
    if (!f.readable()) return err::badf;
    u64 none = 0;
    if (!f.seekable()) return told(f, IN_ACCESS, read_from(f, to, &none, how));
    Result<usize> answer = err::inval;
    {
        auto position = f.position.lock();
        if (!passes_the_end(*position, to.remaining())) answer = read_from(f, to, &*position, how);
    }
    return told(f, IN_ACCESS, answer);
}
Result<usize> write(File& f, Source& from, Waiting how) { return told(f, IN_MODIFY, write_here(f, from, how)); }
Result<usize> read_at(File& f, Sink& to, u64 offset, Waiting how) {
    return told(f, IN_ACCESS, read_there(f, to, offset, how));
}
Result<usize> write_at(File& f, Source& from, u64 offset, Waiting how) {
    return told(f, IN_MODIFY, write_there(f, from, offset, how));
}

namespace untold {
Result<usize> write(File& f, Source& from, Waiting how) { return write_here(f, from, how); }
Result<usize> read_at(File& f, Sink& to, u64 offset, Waiting how) { return read_there(f, to, offset, how); }
Result<usize> write_at(File& f, Source& from, u64 offset, Waiting how) { return write_there(f, from, offset, how); }
} // namespace untold

Result<> check_range(File& f, const u64* offset, usize n) {
    if (n > last_offset) return err::inval;
    if (!f.seekable()) return {};
    u64 at = offset ? *offset : *f.position.lock();
    return at > last_offset || passes_the_end(at, n) ? Result<>{err::inval} : Result<>{};
}

Result<u64> seek(File& f, i64 offset, int whence) {
    if (f.path_only()) return err::badf;
    if (whence < SEEK_SET || whence > SEEK_HOLE) return err::inval;
    if (!f.seekable()) return err::spipe;
    auto position = f.position.lock();
    u64 to = TRY(f.seek(*position, offset, whence));
    if (to > last_offset) return err::inval;
    return *position = to;
}

Result<> read_exactly(File& f, std::span<std::byte> to, u64 offset) {
    Sink sink{to};
    while (!sink.done()) {
        usize n = TRY(read_at(f, sink, offset + sink.moved()));
        if (n == 0) return err::io;
    }
    return {};
}
} // namespace file
