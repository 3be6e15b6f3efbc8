// What lies in the queue of a Unix socket: a datagram, or a piece of a stream as one call has sent it.
#pragma once
#include "core/alloc/frame.h"
#include "net/unix/flights.h"

namespace unix_sockets {
class Endpoint;

/// A header and behind it the bytes, or references to the pages that have them. Charged to who makes it.
struct Packet {
    /// The one behind it. Readers follow it without the queue's lock, under which it is set.
    std::atomic<Packet*> next = nullptr;
    /// Whose send buffer it takes; null in streams: the peer's.
    Ref<Endpoint> sender;
    /// Null process: nobody has asked who sends.
    sockets::Identity from;
    /// Open files. Moved out by the reader.
    Box<Cargo> cargo;
    u32 size, memory; // bytes; what buffers count
    u32 read = 0;     // bytes that have been taken
    u32 frames;       // 0: the bytes are behind the header
    bool urgent = false;

    u32 left() const { return size - read; }
    /// Takes `n` bytes, all or none: err::fault, err::nomem. Faults pages in.
    static Result<Packet*> create(Source&, u32 n);
    /// Bytes [skip, skip + n), which there are: all or none, and then the sink is where it was. err::fault.
    Result<> copy_to(Sink&, u32 skip, u32 n) const;
    /// The sender's buffer has been given the memory back.
    static void destroy(Packet*);

private:
    Packet(u32 n, u32 memory_size, u32 frame_count) : size{n}, memory{memory_size}, frames{frame_count} {}
    ~Packet();
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
    FrameRef* pages() { return reinterpret_cast<FrameRef*>(this + 1); }
    std::span<std::byte> piece(u32 at);
    Result<> fill(Source&);
};
} // namespace unix_sockets
