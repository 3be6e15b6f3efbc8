// libFuzzer: a vsock connection and a peer that says anything. It never keeps more than its buffer, or sends more than
// the peer has room for.
#include "net/vsock/connection.h"
#include <cstring>
#include <span>

namespace {
struct Peer final : vsock::Connection::Output {
    void send(const vsock::Header& h) override {
        if (h.operation < vsock::op_request || h.operation > vsock::op_credit_request) __builtin_trap();
        sent++;
    }
    unsigned sent = 0;
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, usize size) {
    Peer peer;
    vsock::Connection c{size && data[0] & 1 ? vsock::wire_stream : vsock::wire_seqpacket, 5000};
    c.ask(peer);
    u32 kept = 0;
    for (; size >= sizeof(vsock::Header) + 4; data += sizeof(vsock::Header) + 4, size -= sizeof(vsock::Header) + 4) {
        vsock::Header h;
        std::memcpy(&h, data + 4, sizeof h);
        u8 events = c.received(h, peer);
        if (events & vsock::Connection::data) kept += h.length;
        if (kept != c.unread() || kept > 5000) __builtin_trap();
        u32 n = data[0] * 16u;
        if (data[1] & 1 && c.state() == vsock::Connection::State::connected) {
            n = n < c.credit() ? n : c.credit();
            u32 before = c.credit();
            if (c.data_header(n, 0).length != n || c.credit() != before - n) __builtin_trap();
        }
        if (data[1] & 2) c.want_credit(peer);
        if (data[1] & 4) {
            u32 taken = kept < data[2] ? kept : data[2];
            kept -= taken;
            c.consumed(taken, peer);
        }
        if (data[1] & 8) c.shut_down(data[3] & 3, peer);
    }
    if (peer.sent > 100'000) __builtin_trap();
    return 0;
}
