#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/vfs/inode.h"
#include <algorithm>
#include <array>
#include <asm/fcntl.h>
#include <linux/fs.h>

namespace file {
namespace {
/// More than fits into what the calls return, or than an offset can be.
constexpr usize most_bytes = 0x7ffff000;
constexpr u64 last_offset = ~u64{0} >> 1;

Result<usize> read_from(File& f, Sink& to, u64* at) {
    to.limit(most_bytes);
    return block_on(f, [&] { return f.read(to, at); });
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
    if (usize moved = from.moved() - before) return moved;
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

namespace {
/// The step of a transfer from the pages of a file: written straight from there.
class Pages {
public:
    Pages(Ref<MemoryObject> object, vfs::Inode& inode) : object_{std::move(object)}, inode_{inode} {}
    /// What there is at `at`, within a page; empty at the end of the file.
    Result<std::span<const std::byte>> at(u64 at, usize most) {
        u64 size = inode_.attributes().size;
        if (at >= size) return std::span<const std::byte>{};
        frame_ = TRY(object_->page(at >> page_shift, false));
        usize in_page = at & (page_size - 1);
        usize n = std::min<u64>({most, page_size - in_page, size - at});
        return std::span{static_cast<const std::byte*>(frame_->data()) + in_page, n};
    }

private:
    Ref<MemoryObject> object_;
    vfs::Inode& inode_;
    FrameRef frame_;
};

Result<usize> put_all(File& out, u64* out_at, std::span<const std::byte> bytes) {
    Source source{bytes};
    auto put = out_at ? write_at(out, source, *out_at) : write(out, source);
    usize did = source.moved();
    if (!put && did == 0) return put;
    if (out_at) *out_at += did;
    return did;
}

/// From a regular file: copied once. `at` moves with what was written.
Result<usize> transfer_pages(Pages pages, u64& at, File& out, u64* out_at, usize n) {
    usize moved = 0;
    while (moved < n) {
        auto bytes = pages.at(at, n - moved);
        auto did = bytes ? put_all(out, out_at, *bytes) : std::unexpected(bytes.error());
        if (!did && moved == 0) return did;
        if (!did || *did == 0) break;
        moved += *did;
        at += *did;
        if (*did < bytes->size()) break;
    }
    return moved;
}

/// From anything else: through a buffer.
Result<usize> transfer_bytes(File& in, u64* in_at, File& out, u64* out_at, usize n) {
    struct Buffer {
        Buffer() {} // not zeroed
        std::array<std::byte, 16 * KiB> bytes;
    };
    auto buffer = TRY(make<Buffer>());
    usize moved = 0;
    while (moved < n) {
        Sink sink{std::span{buffer->bytes}.first(std::min(n - moved, sizeof buffer->bytes))};
        // A pipe that has given something must not make us wait for more.
        if (moved && !in.seekable() && !(in.poll() & 1)) break;
        auto got = in_at ? read_at(in, sink, *in_at) : read(in, sink);
        if (!got && moved == 0) return got;
        if (!got || *got == 0) break;
        auto did = put_all(out, out_at, std::span{buffer->bytes}.first(*got));
        usize put = did.value_or(0);
        if (in_at)
            *in_at += put;
        else if (put < *got && in.seekable())
            (void)seek(in, -static_cast<i64>(*got - put), SEEK_CUR);
        if (!did && moved == 0) return did;
        moved += put;
        if (put < *got) break;
    }
    return moved;
}
} // namespace

Result<usize> transfer(File& in, u64* in_at, File& out, u64* out_at, usize n) {
    if (!in.readable() || !out.writable()) return err::badf;
    if ((in_at && !in.seekable()) || (out_at && !out.seekable())) return err::spipe;
    if (n > most_bytes) n = most_bytes;
    auto* inode = in.inode();
    auto object = inode && inode->is_regular() ? in.memory_object() : Result<Ref<MemoryObject>>{err::nodev};
    // Within one file the ranges may share a page: that goes through a buffer.
    if (!object || inode == out.inode()) return transfer_bytes(in, in_at, out, out_at, n);
    Pages pages{std::move(*object), *inode};
    if (in_at) return transfer_pages(std::move(pages), *in_at, out, out_at, n);
    u64 at = *in.position.lock(); // not held: writing takes the other file's
    auto moved = transfer_pages(std::move(pages), at, out, out_at, n);
    *in.position.lock() = at;
    return moved;
}
} // namespace file
