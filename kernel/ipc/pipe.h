// Pipes and FIFOs: a ring of bytes between readers and writers, pipe(7).
#pragma once
#include "kernel/file/file.h"
#include <span>
#include <utility>

namespace pipes {
inline constexpr usize default_capacity = 64 * KiB, max_capacity = 1 * MiB; // F_SETPIPE_SZ without privilege

struct Ends {
    Ref<File> read, write;
};
/// Once, at boot: opening a FIFO leads here from then on.
void init();
/// pipe2(2): flags O_NONBLOCK, O_DIRECT (packets).
Result<Ends> create(u32 flags);

// Transfers without copying. A piece is a reference: what its owner writes later shows through, and what its owner
// gives up stays readable.
struct PipeBuffer;
bool is_pipe(const File&);
/// How many pieces a pipe can take; not zero: waits, O_NONBLOCK or not, unless `nonblocking`. err::again, err::pipe
/// with SIGPIPE (no reader), err::restartsys.
Result<usize> wait_for_room(File& pipe, bool nonblocking);
/// Puts pieces in, as many as fit; takes their references. How many bytes.
usize push(File& pipe, std::span<PipeBuffer>);
/// The first bytes of a pipe, kept from other readers until it is known how many of them their destination took: what
/// it did not take stays in the pipe. The bytes lie in one page. Short: whoever wants to read meanwhile waits.
class Claim {
public:
    Claim(Claim&& o) noexcept
        : pipe_{std::exchange(o.pipe_, nullptr)}, frame_{std::move(o.frame_)}, bytes_{o.bytes_}, more_{o.more_} {}
    ~Claim();
    std::span<const std::byte> bytes() const { return bytes_; }
    /// The page that they lie in.
    const FrameRef& frame() const { return frame_; }
    /// Whether others stand behind them in the pipe.
    bool more() const { return more_; }
    void taken(usize n) { taken_ = n; }

private:
    friend Claim claim(File& pipe, usize most);
    Claim() = default;
    File* pipe_ = nullptr;
    FrameRef frame_;
    std::span<const std::byte> bytes_;
    usize taken_ = 0;
    bool more_ = false;
};
/// At most `most` bytes; none if there are none, or another reader has claimed them.
Claim claim(File& pipe, usize most);
/// Waits until there are bytes to read or to claim. False: there are none and no writer. err::again, err::restartsys.
Result<bool> wait_for_bytes(File& pipe, bool nonblocking);
/// Reads from another file, that is no pipe and cannot be sought in, at most `n` bytes and a page into a pipe: after a
/// wait for room (unless `nonblocking`), one for bytes (for as long as `patience` says). Nothing is read that finds no
/// room. 0: the end.
Result<usize> fill(File& pipe, File& from, usize n, bool nonblocking, Deadline patience);
/// Moves at most `n` bytes from pipe to pipe: splice(2); or shares them, tee(2). Waits for bytes, then for room. 0: no
/// bytes and no writer. err::inval: the same pipe; err::again; err::pipe with SIGPIPE; err::restartsys.
enum class Pass : u8 { move, share };
Result<usize> pass(File& from, File& to, usize n, Pass, bool nonblocking);
/// Takes what there is, packets in one piece with what follows; waits as above for the first byte. 0: no writer.
Result<usize> take(File& pipe, Sink&, bool nonblocking);
} // namespace pipes
