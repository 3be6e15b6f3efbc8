// Packets of vsock as virtio carries them (Virtual I/O Device 1.2, 5.10.6).
#pragma once
#include "lib/types.h"

namespace vsock {
enum Operation : u16 {
    op_request = 1,
    op_response,
    op_reset,
    op_shutdown,
    op_data,
    op_credit_update,
    op_credit_request
};
enum WireType : u16 { wire_stream = 1, wire_seqpacket = 2 };
/// Of op_shutdown: what the sender will not do any more.
enum ShutdownFlag : u32 { no_more_receives = 1, no_more_sends = 2 };
/// Of op_data in a connection of messages: the last part of one; MSG_EOR was given.
enum DataFlag : u32 { end_of_message = 1, end_of_record = 2 };

/// Little endian, as the processors here are.
struct [[gnu::packed]] Header {
    u64 source_cid = 0, destination_cid = 0;
    u32 source_port = 0, destination_port = 0, length = 0;
    u16 type = 0, operation = 0;
    u32 flags = 0, buffer = 0, forwarded = 0; // buf_alloc, fwd_cnt
};
static_assert(sizeof(Header) == 44);

enum : u32 { cid_any = ~0u, cid_hypervisor = 0, cid_local = 1, cid_host = 2, port_any = ~0u };
/// Bytes that a packet carries at most.
inline constexpr u32 most_data = 64 * 1024;
} // namespace vsock
