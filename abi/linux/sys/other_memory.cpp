// process_vm_readv, process_vm_writev: the memory of another process.
#include "abi/linux/sys/memory.h"
#include "kernel/file/cursor.h"
#include "kernel/process/inspect.h"
#include "kernel/process/task.h"
#include <algorithm>
#include <linux/uio.h>

namespace linux_abi::sys {
namespace {
Result<Vector<UserSegment>> load(UserSpan<const iovec> from) {
    static_assert(sizeof(iovec) == sizeof(UserSegment));
    if (from.size > UIO_MAXIOV) return err::inval;
    Vector<UserSegment> pieces;
    TRY(pieces.resize(from.size));
    TRY(arch::copy_in(pieces.data(), from.data.address(), from.size * sizeof(UserSegment)));
    u64 total = 0;
    for (const UserSegment& s : pieces)
        if (__builtin_add_overflow(total, s.size, &total) || static_cast<i64>(total) < 0) return err::inval;
    return pieces;
}

Result<Ref<AddressSpace>> other_space(Task& task, int pid) {
    auto other = TRY(process::find_task(task.pids(), pid)); // of any thread; one that has ended has no memory
    auto space = other->share(&Task::space);
    if (!space) return err::srch;
    if (!process::may_inspect(task.credentials(), other->process(), process::Ids::real)) return err::perm;
    return space;
}

usize total_of(std::span<const UserSegment> pieces) {
    usize total = 0;
    for (const UserSegment& s : pieces) total += s.size;
    return total;
}

/// Calls move(remote address, bytes) -> Result<bytes moved> along the remote pieces, until it moves less than it could.
/// What was moved wins over the error.
template <class Move>
Result<usize> each_chunk(std::span<const UserSegment> remote, usize total, Move move) {
    std::byte bytes[512];
    usize done = 0;
    for (UserSegment piece : remote) {
        while (piece.size && done < total) {
            usize n = std::min({piece.size, total - done, sizeof bytes});
            auto moved = move(piece.address, std::span{bytes, n});
            if (!moved) return done ? Result<usize>{done} : moved;
            done += *moved;
            piece.address += *moved;
            piece.size -= *moved;
            if (*moved < n) return done ? Result<usize>{done} : err::fault;
            if (Thread::current().killed()) return done;
        }
    }
    return done;
}
} // namespace

Result<usize> process_vm_readv(Task& task, int pid, UserSpan<const iovec> local, UserSpan<const iovec> remote,
                               usize flags) {
    if (flags) return err::inval;
    auto to = TRY(load(local)), from = TRY(load(remote));
    usize total = total_of(to);
    auto space = TRY(other_space(task, pid));
    Sink sink{to, total};
    return each_chunk(from, total, [&](uptr address, std::span<std::byte> bytes) -> Result<usize> {
        return sink.put(bytes.first(space->read_memory(address, bytes)));
    });
}

Result<usize> process_vm_writev(Task& task, int pid, UserSpan<const iovec> local, UserSpan<const iovec> remote,
                                usize flags) {
    if (flags) return err::inval;
    auto from = TRY(load(local)), to = TRY(load(remote));
    usize total = total_of(from);
    auto space = TRY(other_space(task, pid));
    Source source{from, total};
    return each_chunk(to, total, [&](uptr address, std::span<std::byte> bytes) -> Result<usize> {
        return space->write_memory(address, bytes.first(TRY(source.get(bytes))), false);
    });
}
} // namespace linux_abi::sys
