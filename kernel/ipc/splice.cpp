// sendfile(2), splice(2), copy_file_range(2) and vmsplice(2).
#include "kernel/ipc/splice.h"
#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/file/notify.h"
#include "kernel/ipc/pipe.h"
#include "kernel/ipc/pipe_ring.h"
#include "kernel/vfs/inode.h"
#include <algorithm>
#include <array>
#include <linux/eventpoll.h>
#include <linux/fs.h>
#include <optional>

namespace file {
namespace {
/// The content of a regular file by its pages.
class Pages {
public:
    static constexpr usize batch = 16;
    Pages(Ref<MemoryObject> object, vfs::Inode& inode) : object_{std::move(object)}, inode_{inode} {}
    /// What there is from `at` on, in at most `batch` pieces of pages; none at the end of the file.
    Result<std::span<pipes::PipeBuffer>> at(u64 at, usize most, usize pieces) {
        u64 size = inode_.attributes().size;
        if (at >= size) return std::span<pipes::PipeBuffer>{};
        usize in_page = at & (page_size - 1);
        pieces = std::min(pieces, batch);
        usize left = std::min<u64>({most, pieces * page_size - in_page, size - at});
        pieces = page_up(in_page + left) >> page_shift;
        FrameRef frames[batch];
        object_->present_pages(at >> page_shift, std::span{frames}.first(pieces));
        for (usize i = 0; i < pieces; i++) {
            if (!frames[i]) {
                auto made = object_->fetch_page((at >> page_shift) + i, false);
                if (!made && i == 0 && made.error() != Errno::nxio) return std::unexpected(made.error());
                if (!made) return std::span{pieces_}.first(i); // truncated meanwhile, or short of memory
                frames[i] = std::move(*made);
            }
            usize n = std::min(left, page_size - in_page);
            pieces_[i] = {std::move(frames[i]), static_cast<u16>(in_page), static_cast<u16>(n)};
            left -= n;
            in_page = 0;
        }
        return std::span{pieces_}.first(pieces);
    }
    bool ends_at(u64 at) const { return at >= inode_.attributes().size; }

private:
    Ref<MemoryObject> object_;
    vfs::Inode& inode_;
    std::array<pipes::PipeBuffer, batch> pieces_;
};

/// Parts of pages as a source. It takes over the references.
class PieceSource {
public:
    PieceSource(std::span<pipes::PipeBuffer> pieces, bool more) {
        usize total = 0, count = 0;
        for (auto& p : pieces) {
            segments_[count] = {reinterpret_cast<uptr>(p.bytes().data()), p.length};
            frames_[count++] = std::move(p.frame);
            total += p.length;
        }
        source_.emplace(std::span{segments_}.first(count), total, std::span{frames_}.first(count));
        source_->more = more;
    }
    Source& source() { return *source_; }

private:
    std::array<UserSegment, Pages::batch> segments_;
    std::array<FrameRef, Pages::batch> frames_;
    std::optional<Source> source_;
};

Result<usize> put_all(File& out, u64* out_at, Source& source, Waiting how = Waiting::as_flags) {
    auto put = out_at ? untold::write_at(out, source, *out_at, how) : untold::write(out, source, how);
    usize did = source.moved();
    if (!put && did == 0) return put;
    if (out_at) *out_at += did;
    return did;
}

/// From a regular file: copied once, or not at all where the other file keeps the pages. `at` moves with what was
/// written.
Result<usize> transfer_pages(Pages& pages, u64& at, File& out, u64* out_at, usize n, bool more) {
    usize moved = 0;
    while (moved < n) {
        auto pieces = pages.at(at, n - moved, Pages::batch);
        if (!pieces && moved == 0) return std::unexpected(pieces.error());
        if (!pieces || pieces->empty()) break;
        usize bytes = 0;
        for (const auto& p : *pieces) bytes += p.length;
        bool others = moved + bytes < n && !pages.ends_at(at + bytes);
        PieceSource from{*pieces, others || more};
        auto did = put_all(out, out_at, from.source());
        if (!did && moved == 0) return did;
        if (!did) break;
        moved += *did;
        at += *did;
        if (*did < bytes || interrupted()) break;
    }
    return moved;
}

/// From a regular file into a pipe: not copied at all. Waits for room once, then takes what fits.
Result<usize> transfer_references(Pages& pages, u64& at, File& pipe, usize n, bool nonblocking) {
    usize moved = 0;
    nonblocking |= pipe.nonblocking();
    while (moved < n) {
        auto room = pipes::wait_for_room(pipe, nonblocking || moved);
        if (!room && moved == 0) return room;
        if (!room) break;
        auto pieces = pages.at(at, n - moved, *room);
        if (!pieces && moved == 0) return std::unexpected(pieces.error());
        if (!pieces || pieces->empty()) break;
        usize did = pipes::push(pipe, *pieces); // less where another writer came first
        moved += did;
        at += did;
        if (moved && interrupted()) break;
    }
    return moved;
}

/// From a pipe to what is none: each piece is taken out when it has been written. Waits for bytes once.
Result<usize> transfer_claims(File& pipe, File& out, u64* out_at, usize n, Transfer how) {
    usize moved = 0;
    bool nonblocking = how.nonblocking || pipe.nonblocking();
    while (moved < n) {
        auto any = pipes::wait_for_bytes(pipe, nonblocking || moved);
        if (!any && moved == 0) return std::unexpected(any.error());
        if (!any || !*any) break;
        bool had = false;
        auto did = block_on(out, to_write, patience(out.nonblocking()), [&]() -> Result<usize> {
            auto claim = pipes::claim(pipe, n - moved);
            had = !claim.bytes().empty();
            if (!had) return usize{0}; // another reader came first
            bool more = how.more || (claim.more() && moved + claim.bytes().size() < n);
            UserSegment bytes{reinterpret_cast<uptr>(claim.bytes().data()), claim.bytes().size()};
            Source from{{&bytes, 1}, bytes.size, {&claim.frame(), 1}};
            from.more = more;
            usize put = TRY(put_all(out, out_at, from, Waiting::never));
            claim.taken(put);
            return put;
        });
        if (!did && moved == 0) return did;
        if (!did || (had && *did == 0)) break;
        moved += *did;
        if (interrupted()) break;
    }
    return moved;
}

/// Into a pipe from what has no offset: waits for bytes once.
Result<usize> transfer_stream(File& in, File& pipe, usize n, bool nonblocking, bool in_too) {
    usize moved = 0;
    Deadline until = in_too || in.nonblocking() ? at_once : in.patience(false);
    nonblocking |= pipe.nonblocking();
    while (moved < n) {
        if (moved && !(in.poll() & EPOLLIN)) break;
        auto did = pipes::fill(pipe, in, n - moved, nonblocking || moved, until);
        if (!did && moved == 0) return did;
        if (!did || *did == 0) break;
        moved += *did;
        if (interrupted()) break;
    }
    return moved;
}

/// From a file that has offsets: through a buffer. What was read and not written is read again. Here, and above, a
/// signal ends a long transfer early.
Result<usize> transfer_bytes(File& in, u64& at, File& out, u64* out_at, usize n, bool nonblocking) {
    struct Buffer {
        Buffer() {} // not zeroed
        std::array<std::byte, 16 * KiB> bytes;
    };
    auto buffer = TRY(make<Buffer>());
    usize moved = 0;
    while (moved < n) {
        Sink sink{std::span{buffer->bytes}.first(std::min(n - moved, sizeof buffer->bytes))};
        if (pipes::is_pipe(out)) {
            auto room = pipes::wait_for_room(out, nonblocking || moved || out.nonblocking());
            if (!room && moved == 0) return room;
            if (!room) break;
            sink.limit(*room * page_size);
        }
        auto got = untold::read_at(in, sink, at);
        if (!got && moved == 0) return got;
        if (!got || *got == 0) break;
        Source from{std::span<const std::byte>{buffer->bytes}.first(*got)};
        auto did = put_all(out, out_at, from);
        if (!did && moved == 0) return did;
        usize put = did.value_or(0);
        at += put;
        moved += put;
        if (put < *got || interrupted()) break;
    }
    return moved;
}

/// The next piece of user memory, which ends with a page of it or with its segment, copied into a page of its own.
/// Moves `from` and `done` (of its first segment) on. err::fault, err::nomem.
Result<pipes::PipeBuffer> copy_piece(std::span<const UserSegment>& from, usize& done) {
    uptr address = from.front().address + done;
    usize n = std::min(from.front().size - done, page_size - (address & (page_size - 1)));
    FrameRef frame = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing));
    UserSegment part{address, n};
    Source source{{&part, 1}, n};
    usize got = TRY(source.get_all(frame->bytes().first(n)));
    done += got;
    if (done == from.front().size) {
        from = from.subspan(1);
        done = 0;
    }
    return pipes::PipeBuffer{std::move(frame), 0, static_cast<u16>(got)};
}

// Copied: the caller may not change the memory before it has been read, and cannot tell.
Result<usize> put_memory_untold(File& pipe, std::span<const UserSegment> from, bool nonblocking) {
    usize moved = 0, done = 0;
    while (true) {
        while (!from.empty() && from.front().size == 0) from = from.subspan(1);
        if (from.empty() || moved >= most_moved) return moved;
        Result<pipes::PipeBuffer> piece = pipes::PipeBuffer{};
        usize did = 0;
        do { // again where another writer came first
            auto room = pipes::wait_for_room(pipe, nonblocking || moved);
            if (!room) return moved ? Result<usize>{moved} : room;
            if (!piece->frame) piece = copy_piece(from, done);
            if (!piece) return moved ? Result<usize>{moved} : std::unexpected(piece.error());
            did = pipes::push(pipe, {&*piece, 1});
        } while (did == 0);
        moved += did;
        if (killed()) return moved;
    }
}
} // namespace

Result<usize> put_memory(File& pipe, std::span<const UserSegment> from, bool nonblocking) {
    auto moved = put_memory_untold(pipe, from, nonblocking);
    if (moved && *moved) tell(pipe, IN_MODIFY);
    return moved;
}

namespace {
Result<usize> transfer_untold(File& in, u64* in_at, File& out, u64* out_at, usize n, Transfer how) {
    if (!in.readable() || !out.writable()) return err::badf;
    if ((in_at && !in.seekable()) || (out_at && !out.seekable())) return err::spipe;
    if (n > most_moved) n = most_moved;
    if (pipes::is_pipe(in)) return transfer_claims(in, out, out_at, n, how);
    if (!in.seekable())
        return pipes::is_pipe(out) ? transfer_stream(in, out, n, how.nonblocking, how.in_too) : err::inval;
    auto* inode = in.inode();
    auto object = inode && inode->is_regular() ? in.memory_object() : Result<Ref<MemoryObject>>{err::nodev};
    u64 at = in_at ? *in_at : *in.position.lock(); // not held: writing takes the other file's
    auto moved = [&]() -> Result<usize> {
        // Within one file the ranges may share a page: that goes through a buffer.
        if (!object || inode == out.inode()) return transfer_bytes(in, at, out, out_at, n, how.nonblocking);
        Pages pages{std::move(*object), *inode};
        if (pipes::is_pipe(out)) return transfer_references(pages, at, out, n, how.nonblocking);
        return transfer_pages(pages, at, out, out_at, n, how.more);
    }();
    if (in_at)
        *in_at = at;
    else
        *in.position.lock() = at;
    return moved;
}
} // namespace

Result<usize> transfer(File& in, u64* in_at, File& out, u64* out_at, usize n, Transfer how) {
    auto moved = transfer_untold(in, in_at, out, out_at, n, how);
    if (moved && *moved) tell(in, IN_ACCESS), tell(out, IN_MODIFY);
    return moved;
}
} // namespace file
