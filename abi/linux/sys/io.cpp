// read, write and what moves bytes between files.
#include "abi/linux/sys/file.h"
#include "abi/linux/sys/places.h"
#include "abi/linux/sys/segments.h"
#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/file/notify.h"
#include "kernel/ipc/pipe.h"
#include "kernel/ipc/splice.h"
#include "kernel/socket/socket.h"
#include "kernel/vfs/write_back.h"
#include <algorithm>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/stat.h>

namespace linux_abi::sys {
namespace {
Result<HeldFile> get(Task& task, Fd fd) { return task.files->hold(static_cast<int>(fd)); }

/// One buffer of a call. Memory outside of user space is refused at once, however much of it would be used.
template <class T>
Result<UserSegment> segment_of(UserSpan<T> memory, bool may_use) {
    UserSegment segment{memory.data.address(), memory.size};
    if (!in_user_space(segment.address, segment.size)) [[unlikely]]
        return may_use ? err::fault : err::badf;
    return segment;
}

template <class Cursor>
Result<usize> vector_call(Task& task, Fd fd, UserSpan<const iovec> vector, auto call) {
    auto file = TRY(get(task, fd));
    Segments segments;
    TRY(segments.load(vector));
    Cursor cursor{segments.all(), segments.total()};
    Result<usize> answer = call(*file, cursor);
    return std::is_same_v<Cursor, Sink> ? task.counters.transfers.read(answer) : task.counters.transfers.wrote(answer);
}
} // namespace

Result<usize> read(Task& task, Fd fd, UserSpan<std::byte> to) {
    auto file = TRY(get(task, fd));
    UserSegment segment = TRY(segment_of(to, file->readable()));
    Sink sink{{&segment, 1}, to.size};
    return task.counters.transfers.read(file::read(*file, sink));
}
Result<usize> write(Task& task, Fd fd, UserSpan<const std::byte> from) {
    auto file = TRY(get(task, fd));
    UserSegment segment = TRY(segment_of(from, file->writable()));
    Source source{{&segment, 1}, from.size};
    return task.counters.transfers.wrote(file::write(*file, source));
}
Result<usize> pread64(Task& task, Fd fd, UserSpan<std::byte> to, i64 offset) {
    if (offset < 0) return err::inval;
    auto file = TRY(get(task, fd));
    if (!file->seekable()) return err::spipe;
    UserSegment segment = TRY(segment_of(to, file->readable()));
    Sink sink{{&segment, 1}, to.size};
    return task.counters.transfers.read(file::read_at(*file, sink, static_cast<u64>(offset)));
}
Result<usize> pwrite64(Task& task, Fd fd, UserSpan<const std::byte> from, i64 offset) {
    if (offset < 0) return err::inval;
    auto file = TRY(get(task, fd));
    if (!file->seekable()) return err::spipe;
    UserSegment segment = TRY(segment_of(from, file->writable()));
    Source source{{&segment, 1}, from.size};
    return task.counters.transfers.wrote(file::write_at(*file, source, static_cast<u64>(offset)));
}

Result<usize> readv(Task& task, Fd fd, UserSpan<const iovec> to) {
    return vector_call<Sink>(task, fd, to, [](File& f, Sink& s) { return file::read(f, s); });
}
Result<usize> writev(Task& task, Fd fd, UserSpan<const iovec> from) {
    return vector_call<Source>(task, fd, from, [](File& f, Source& s) { return file::write(f, s); });
}
Result<usize> preadv(Task& task, Fd fd, UserSpan<const iovec> to, i64 offset, u64) {
    if (offset < 0) return err::inval;
    return vector_call<Sink>(task, fd, to,
                             [&](File& f, Sink& s) { return file::read_at(f, s, static_cast<u64>(offset)); });
}
Result<usize> pwritev(Task& task, Fd fd, UserSpan<const iovec> from, i64 offset, u64) {
    if (offset < 0) return err::inval;
    return vector_call<Source>(task, fd, from,
                               [&](File& f, Source& s) { return file::write_at(f, s, static_cast<u64>(offset)); });
}

namespace {
constexpr u32 known_flags = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;
/// preadv2's and pwritev2's flags. Pipes and sockets know how not to wait; files in memory never do, and say so by
/// refusing it.
Result<file::Waiting> waiting_of(File& f, u32 flags) {
    if (!(flags & RWF_NOWAIT)) return file::Waiting::as_flags;
    return pipes::is_pipe(f) || sockets::of(f) ? Result<file::Waiting>{file::Waiting::never} : err::opnotsupp;
}
} // namespace
Result<usize> preadv2(Task& task, Fd fd, UserSpan<const iovec> to, i64 offset, u64, u32 flags) {
    if (offset < -1) return err::inval;
    return vector_call<Sink>(task, fd, to, [&](File& f, Sink& s) -> Result<usize> {
        if (flags & ~known_flags) return err::opnotsupp;
        auto how = TRY(waiting_of(f, flags));
        return offset == -1 ? file::read(f, s, how) : file::read_at(f, s, static_cast<u64>(offset), how);
    });
}
Result<usize> pwritev2(Task& task, Fd fd, UserSpan<const iovec> from, i64 offset, u64, u32 flags) {
    if (offset < -1) return err::inval;
    return vector_call<Source>(task, fd, from, [&](File& f, Source& s) -> Result<usize> {
        if (flags & ~known_flags) return err::opnotsupp;
        auto how = TRY(waiting_of(f, flags));
        s.append = flags & RWF_APPEND;
        s.sync = flags & RWF_SYNC ? Source::Sync::all : flags & RWF_DSYNC ? Source::Sync::data : Source::Sync::no;
        return offset == -1 ? file::write(f, s, how) : file::write_at(f, s, static_cast<u64>(offset), how);
    });
}

Result<u64> lseek(Task& task, Fd fd, i64 offset, int whence) { return file::seek(*TRY(get(task, fd)), offset, whence); }

namespace {
/// An offset that a call takes from and gives back to the user; null: the file's position.
class OffsetArgument {
public:
    explicit OffsetArgument(UserPtr<i64> at) : at_{at} {}
    /// `any`: the caller refuses negative ones itself, else err::inval.
    Result<> load(bool any = false) {
        if (!at_) return {};
        i64 n = TRY(copy_in(at_));
        if (n < 0 && !any) return err::inval;
        value_ = static_cast<u64>(n);
        return {};
    }
    u64* pointer() { return at_ ? &value_ : nullptr; }
    Result<> store() { return at_ ? copy_out(at_, static_cast<i64>(value_)) : Result<>{}; }

private:
    UserPtr<i64> at_;
    u64 value_ = 0;
};

u32 type_of(File& f) { return f.inode() ? f.inode()->type() : 0; }

/// What a call has moved from file to file counts as read and as written.
Result<usize> moved_by(Task& task, Result<usize> answer) {
    return task.counters.transfers.wrote(task.counters.transfers.read(answer));
}
} // namespace

Result<usize> sendfile(Task& task, Fd out_fd, Fd in_fd, UserPtr<i64> offset, usize n) {
    auto in = TRY(get(task, in_fd));
    auto out = TRY(get(task, out_fd));
    if (!in->readable() || !out->writable()) return err::badf;
    if (offset && !in->seekable()) return err::spipe;
    OffsetArgument from{offset};
    TRY(from.load());
    TRY(file::check_range(*in, from.pointer(), n));
    if (S_ISDIR(type_of(*in)) || out->flags & O_APPEND) return err::inval;
    // Bytes of a stream that the other file does not take would be lost: splice() through a pipe keeps them.
    if (pipes::is_pipe(*in) || (!in->seekable() && !pipes::is_pipe(*out))) return err::inval;
    TRY(file::check_range(*out, nullptr, std::min(n, most_moved)));
    usize moved = TRY(moved_by(task, file::transfer(*in, from.pointer(), *out, nullptr, n)));
    TRY(from.store());
    return moved;
}

namespace {
/// What copy_file_range() asks of its range before anything is copied; `n` becomes what there is to copy.
Result<> check_copy(File& in, const u64* in_at, File& out, const u64* out_at, usize& n) {
    constexpr u64 last_offset = ~u64{0} >> 1;
    if (out.inode()->immutable()) return err::perm;
    u64 from = in_at ? *in_at : *in.position.lock(), to = out_at ? *out_at : *out.position.lock();
    if (from + n < from || to + n < to) return err::overflow;
    if (from > last_offset || to > last_offset) return err::inval;
    u64 size = in.inode()->attributes().size, limit = file::size_limit();
    n = from >= size ? 0 : std::min(n, size - from);
    TRY(file::check_size(to + 1));
    if (to >= last_offset) return err::fbig;
    n = std::min({n, limit - to, last_offset - to});
    if (in.inode() == out.inode() && from < to + n && to < from + n) return err::inval;
    TRY(file::check_range(in, &from, n));
    return file::check_range(out, &to, n);
}
} // namespace

Result<usize> copy_file_range(Task& task, Fd in_fd, UserPtr<i64> in_at, Fd out_fd, UserPtr<i64> out_at, usize n,
                              u32 flags) {
    auto in = TRY(get(task, in_fd));
    auto out = TRY(get(task, out_fd));
    OffsetArgument from{in_at}, to{out_at};
    TRY(from.load(true));
    TRY(to.load(true));
    if (flags) return err::inval;
    u32 in_type = type_of(*in), out_type = type_of(*out);
    if (S_ISDIR(in_type) || S_ISDIR(out_type)) return err::isdir;
    if (!S_ISREG(in_type) || !S_ISREG(out_type)) return err::inval;
    if (!in->readable() || !out->writable() || out->flags & O_APPEND) return err::badf;
    TRY(check_copy(*in, from.pointer(), *out, to.pointer(), n));
    usize moved = n ? TRY(moved_by(task, file::transfer(*in, from.pointer(), *out, to.pointer(), n))) : 0;
    TRY(from.store());
    TRY(to.store());
    return moved;
}

namespace {
constexpr u32 splice_nonblock = 2, splice_more = 4; // SPLICE_F_*: not in the UAPI headers
constexpr u32 splice_flags = 1 | splice_nonblock | splice_more | 8;

/// Of two pipes neither waits if one is not to.
Result<usize> pass(File& in, File& out, usize n, pipes::Pass how, u32 flags) {
    usize moved = TRY(pipes::pass(in, out, n, how, flags & splice_nonblock || in.nonblocking() || out.nonblocking()));
    if (moved) file::tell(in, IN_ACCESS), file::tell(out, IN_MODIFY);
    return moved;
}
} // namespace

Result<usize> splice(Task& task, Fd in_fd, UserPtr<i64> in_at, Fd out_fd, UserPtr<i64> out_at, usize n, u32 flags) {
    if (n == 0) return 0;
    if (flags & ~splice_flags) return err::inval;
    auto in = TRY(get(task, in_fd));
    auto out = TRY(get(task, out_fd));
    if (!in->readable() || !out->writable()) return err::badf;
    bool from_pipe = pipes::is_pipe(*in), to_pipe = pipes::is_pipe(*out);
    if ((from_pipe && in_at) || (to_pipe && out_at)) return err::spipe;
    if (from_pipe && to_pipe) return pass(*in, *out, n, pipes::Pass::move, flags);
    if (!from_pipe && !to_pipe) return err::inval;
    if ((in_at && !in->seekable()) || (out_at && !out->seekable())) return err::inval;
    OffsetArgument from{in_at}, to{out_at};
    TRY(from.load());
    TRY(to.load());
    if (from_pipe && out->flags & O_APPEND) return err::inval;
    TRY(from_pipe ? file::check_range(*out, to.pointer(), n) : file::check_range(*in, from.pointer(), n));
    bool nonblocking = flags & splice_nonblock;
    file::Transfer how{
        .nonblocking = nonblocking, .in_too = nonblocking && sockets::of(*in), .more = (flags & splice_more) != 0};
    usize moved = TRY(file::transfer(*in, from.pointer(), *out, to.pointer(), n, how));
    TRY(from.store());
    TRY(to.store());
    return moved;
}

Result<usize> tee(Task& task, Fd in_fd, Fd out_fd, usize n, u32 flags) {
    if (flags & ~splice_flags) return err::inval;
    if (n == 0) return 0;
    auto in = TRY(get(task, in_fd));
    auto out = TRY(get(task, out_fd));
    if (!in->readable() || !out->writable()) return err::badf;
    if (!pipes::is_pipe(*in) || !pipes::is_pipe(*out)) return err::inval;
    return pass(*in, *out, n, pipes::Pass::share, flags);
}

Result<usize> vmsplice(Task& task, Fd fd, UserSpan<const iovec> memory, u32 flags) {
    if (flags & ~splice_flags) return err::inval;
    auto file = TRY(get(task, fd));
    if (!file->readable() && !file->writable()) return err::badf;
    Segments segments;
    TRY(segments.load(memory));
    if (segments.total() == 0) return 0;
    if (!pipes::is_pipe(*file)) return err::badf;
    bool nonblocking = flags & splice_nonblock;
    if (file->writable()) return file::put_memory(*file, segments.all(), nonblocking);
    Sink sink{segments.all(), segments.total()};
    usize taken = TRY(pipes::take(*file, sink, nonblocking));
    if (taken) file::tell(*file, IN_ACCESS);
    return taken;
}

Result<> truncate(Task& task, UserPath path, i64 size) {
    if (size < 0) return err::inval;
    auto at = TRY(place(task, at_cwd, path, 0));
    return vfs::truncate(at, task.credentials(), static_cast<u64>(size));
}
Result<> ftruncate(Task& task, Fd fd, i64 size) {
    if (size < 0) return err::inval;
    auto file = TRY(get(task, fd));
    if (!file->writable()) return err::inval;
    return file->truncate(static_cast<u64>(size));
}

Result<> fallocate(Task& task, Fd fd, int mode, i64 offset, i64 size) {
    auto file = TRY(get(task, fd));
    if (offset < 0 || size <= 0) return err::inval;
    if (!file->writable()) return err::badf;
    if (S_ISFIFO(type_of(*file))) return err::spipe;
    i64 end;
    if (__builtin_add_overflow(offset, size, &end)) return err::fbig;
    return file->allocate(mode, static_cast<u64>(offset), static_cast<u64>(size));
}

Result<> fadvise64(Task& task, Fd fd, i64, i64 size, int advice) {
    auto file = TRY(get(task, fd));
    if (S_ISFIFO(type_of(*file))) return err::spipe;
    if (size < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE) return err::inval;
    return {}; // everything is in memory
}
Result<> readahead(Task& task, Fd fd, i64, usize n) {
    auto file = TRY(get(task, fd));
    if (!file->readable()) return err::badf;
    if (!S_ISREG(type_of(*file)) || static_cast<i64>(n) < 0) return err::inval;
    return {};
}

Result<> fsync(Task& task, Fd fd) { return TRY(get(task, fd))->sync({}); }
Result<> fdatasync(Task& task, Fd fd) { return TRY(get(task, fd))->sync({SyncRange::Scope::data}); }
Result<> sync(Task&) {
    vfs::sync_all();
    return {};
}
Result<> syncfs(Task& task, Fd fd) { return TRY(get(task, fd))->sync_filesystem(); }
Result<> sync_file_range(Task& task, Fd fd, i64 offset, i64 size, u32 flags) {
    auto file = TRY(get(task, fd));
    i64 end;
    if (flags & ~u32{SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER})
        return err::inval;
    if (offset < 0 || size < 0 || __builtin_add_overflow(offset, size, &end)) return err::inval;
    u32 type = type_of(*file);
    if (!S_ISREG(type) && !S_ISDIR(type) && !S_ISBLK(type)) return err::spipe;
    if (!flags || !S_ISREG(type)) return {};
    // To begin to write, or to wait for what is being written, means here to have it written.
    u64 first = static_cast<u64>(offset);
    return file->sync({SyncRange::Scope::pages, first, size ? static_cast<u64>(end) : ~u64{0}});
}
} // namespace linux_abi::sys
