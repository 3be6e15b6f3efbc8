#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include <asm/fcntl.h>
#include <linux/fs.h>

namespace file {
namespace {
/// More than fits into what the calls return, or than an offset can be.
constexpr usize most_bytes = 0x7ffff000;
constexpr u64 last_offset = ~u64{0} >> 1;

Result<usize> read_from(File& f, Sink& to, u64* at) {
    to.limit(most_bytes);
    auto moved = block_on(f, [&] { return f.read(to, at); });
    count_read(moved);
    return moved;
}

/// Goes on until all is written; what has been written wins over a later error.
Result<usize> write_to(File& f, Source& from, u64* at) {
    from.limit(most_bytes);
    usize before = from.moved();
    Result<usize> answer = usize{0};
    do {
        answer = block_on(f, [&] { return f.write(from, at); });
    } while (answer && *answer != 0 && !from.done() && !f.seekable());
    if (!answer && answer.error() == Errno::pipe) broken_pipe();
    if (usize moved = from.moved() - before) answer = moved;
    count_write(answer);
    return answer;
}
} // namespace

Result<usize> read(File& f, Sink& to) {
    if (!f.readable()) return err::badf;
    u64 none = 0;
    if (!f.seekable()) return read_from(f, to, &none);
    auto position = f.position.lock();
    return read_from(f, to, &*position);
}

Result<usize> write(File& f, Source& from) {
    if (!f.writable()) return err::badf;
    u64 none = 0;
    if (!f.seekable()) return write_to(f, from, &none);
    auto position = f.position.lock();
    return write_to(f, from, &*position);
}

Result<usize> read_at(File& f, Sink& to, u64 offset) {
    if (offset > last_offset) return err::inval;
    if (!f.seekable()) return err::spipe;
    if (!f.readable()) return err::badf;
    return read_from(f, to, &offset);
}

Result<usize> write_at(File& f, Source& from, u64 offset) {
    if (offset > last_offset) return err::inval;
    if (!f.seekable()) return err::spipe;
    if (!f.writable()) return err::badf;
    return write_to(f, from, &offset);
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
