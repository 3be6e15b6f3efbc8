// From a writer's memory into packets, and from packets into a reader's.
#pragma once
#include "kernel/file/cursor.h"
#include "net/stack/packet.h"

namespace net {
/// Appends bytes to a packet as pieces of frames, of which the last one may be filled on later.
class ByteAppender {
public:
    /// err::fault, err::nomem, err::nobufs: the packet is of no use then.
    Result<> append(Packet&, Source&, usize n);
    void reset() { page_ = {}; }

private:
    FrameRef page_;
    u32 used_ = 0;
};
/// A packet of the next `n` bytes, with room for headers. Few of them are in its own memory. err::fault, err::nomem.
Result<PacketBox> packet_of(Source&, usize n);
/// Copies bytes of a packet, up to the first that finds no room or cannot be written; how many. err::fault: none could.
Result<usize> copy_to(Sink&, const Packet&, usize offset, usize n);
} // namespace net
