// libFuzzer: a virtio-net device that writes what it likes into its queues, and when. What the driver hands over must
// hold together, and what is left in the end is let go of.
#include "net_device.h"
#include <algorithm>

namespace {
struct User final : net::DeviceUser {
    void received(net::PacketQueue& packets) override {
        unsigned batch = 0;
        while (auto p = packets.pop()) {
            if (++batch > Work::budget || p->size() < 14) __builtin_trap();
            std::byte two[2];
            bool partial = p->checksum == net::ChecksumState::partial;
            usize field = usize{p->checksum_start} + p->checksum_offset;
            if (partial && (p->checksum_start < 14 || !p->copy(field, two))) __builtin_trap();
            p->complete_checksum();
            if (partial && p->checksum == net::ChecksumState::partial) __builtin_trap();
            net::Checksum sum; // every byte is there
            p->add_to(sum, 0, p->size());
        }
    }
    void has_room() override { rooms++; }
    void carrier_changed() override {}
    unsigned rooms = 0;
};

struct Input {
    std::span<const unsigned char> rest;
    unsigned byte() {
        if (rest.empty()) return 0;
        unsigned b = rest[0];
        rest = rest.subspan(1);
        return b;
    }
    unsigned word() { return byte() | byte() << 8; }
};

void write_buffer(host::FakeNet& fake, Input& in) {
    if (!fake.has_request(0)) return;
    auto r = fake.next(0);
    auto to = r.writes[0];
    usize n = std::min<usize>(in.byte(), in.rest.size());
    std::memcpy(to.data(), in.rest.data(), n);
    in.rest = in.rest.subspan(n);
    unsigned kind = in.byte();
    unsigned length = kind < 128 ? static_cast<unsigned>(n) : kind < 250 ? in.word() % 4097 : in.word();
    fake.put_used(0, kind == 255 ? in.byte() : r.head, length);
}

void send(virtio::NetDevice& net, Input& in, unsigned& refused) {
    auto p = net::Packet::create(256);
    if (!p) __builtin_trap();
    (void)(*p)->append_linear(in.byte());
    for (unsigned i = in.byte() % 19; i; i--) {
        auto f = mm::allocate_frame(FrameUse::kernel);
        if (!f || !(*p)->append(net::Piece{std::move(*f), i, 1 + in.byte()})) __builtin_trap();
    }
    if (unsigned kind = in.byte(); kind & 1) {
        (*p)->checksum = net::ChecksumState::partial;
        (*p)->checksum_start = static_cast<u16>(in.byte());
        (*p)->checksum_offset = 16;
        (*p)->segment_size = kind & 2 ? static_cast<u16>(in.word()) : 0;
    }
    if (!net.transmit(*p, in.byte() & 1)) refused++;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    Input in{{data, size}};
    unsigned features = in.word();
    host::FakeNet fake{(u64{features} << 1 & ~u64{virtio::net_mtu}) | (features & 1 ? virtio::feature_indirect : 0) |
                           (features & 2 ? virtio::feature_event_index : 0),
                       static_cast<u16>(1 << in.byte() % 7)};
    virtio::NetDevice net{fake};
    if (!net.prepare()) __builtin_trap();
    net.stop_works(); // there are no workers here: all runs when the input says so
    User user;
    net.start(user);
    net.receiver(0).run(Work::budget);
    unsigned refused = 0;
    while (!in.rest.empty()) {
        switch (in.byte() % 10) {
        case 0:
        case 1: write_buffer(fake, in); break;
        case 2: fake.show(0); break;
        case 3: net.receiver(0).run(1 + in.byte() % Work::budget); break;
        case 4: send(net, in, refused); break;
        case 5:
            if (fake.has_request(1)) fake.put_used(1, fake.next(1).head, 0);
            break;
        case 6: fake.show(1); break;
        case 7: net.transmitter(0).run(0); break;
        case 8: // anywhere in what it may write
            if (unsigned q = in.byte() % 2, at = in.word() % (3 + 4u * fake.queues[q].size); fake.queues[q].size)
                fake.used(q)[at] = static_cast<u16>(in.word());
            break;
        case 9: fake.config[6] = static_cast<u8>(in.byte()); net.run(0);
        }
    }
    fake.set_status(fake.status() | 64);
    net.run(0); // resets what has not been
    net.receiver(0).run(0);
    net.transmitter(0).run(0);
    if (user.rooms > refused || (refused && !user.rooms)) __builtin_trap();
    return 0;
}
