// Frames in memory that a program maps: PACKET_RX_RING (Documentation/networking/packet_mmap.rst), versions 1 and 2.
#pragma once
#include "core/mm/address_space.h"
#include "lib/vector.h"
#include "net/packet/watchers.h"
#include <linux/if_packet.h>

namespace packet_sockets {
/// How frames lie in a ring.
struct RingLayout {
    u8 version = TPACKET_V1;
    u32 reserve = 0;      // PACKET_RESERVE
    usize header() const; // struct tpacket_hdr or tpacket2_hdr
    /// With the struct sockaddr_ll behind it, before the frame's own bytes.
    usize all_headers() const { return TPACKET_ALIGN(header()) + sizeof(sockaddr_ll); }
};

/// The program says by each frame's first word that it is done with it; nothing else that it writes is looked at.
class Ring final : public MemoryObject {
public:
    /// err::inval: sizes that cannot be; err::nomem.
    static Result<Ref<Ring>> create(const tpacket_req&, const RingLayout&);
    Ring(const tpacket_req&, const RingLayout&);
    Result<FrameRef> page(u64 index, bool for_write) override;

    /// What goes into a frame besides its bytes.
    struct Entry {
        const Frame& frame;
        usize skip; // bytes of the link's header that are left out
        u32 wanted; // bytes behind those, by the filter
        u32 status; // TP_STATUS_*
        sockaddr_ll from;
    };
    /// False: the program still has the next frame. Under the lock of the watchers.
    bool put(const Entry&);
    /// Whether there is a frame that the program has not given back. Under that lock.
    bool has_frames() const;

private:
    void write(usize at, std::span<const std::byte>);
    std::atomic<u32>& status(u32 frame) const;
    usize place(u32 frame) const { return frame / per_block_ * usize{block_size_} + frame % per_block_ * frame_size_; }

    const RingLayout layout_;
    const u32 block_size_, frame_size_, frames_, per_block_;
    Vector<FrameRef> pages_;
    u32 next_ = 0; // the frame to be filled
};
} // namespace packet_sockets
