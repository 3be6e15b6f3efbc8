// A virtio-net whose other side is the test: registers, queues and configuration are plain memory, and a thread of the
// test (or a fuzzer) is the device.
#pragma once
#include "arch/api/paging.h"
#include "drivers/virtio/net.h"
#include <cstring>
#include <string>
#include <vector>

namespace host {
class FakeNet final : public virtio::Device {
public:
    struct FakeQueue {
        Parts parts{};
        u16 size = 0, taken = 0, put = 0;
        IrqHandler* handler = nullptr;
    };
    struct Request {
        u16 head = 0;
        std::vector<std::span<std::byte>> reads, writes;
    };

    explicit FakeNet(u64 offered, u16 queue_size = 64, virtio::Type type = virtio::type_net)
        : Device{type}, offered{offered | virtio::feature_version_1}, queue_size_{queue_size} {
        config_ = bus::Registers{config, sizeof config};
        name_ = FixedString<31>{"fake"};
    }

    // The driver's side.
    u8 status() const override { return stuck && !status_ ? 4 : status_; }
    void set_status(u8 s) override {
        status_ = s;
        if (s) return;
        for (auto& q : queues) q = {};
        resets++;
    }
    u32 device_features(unsigned half) const override { return static_cast<u32>(offered >> 32 * half); }
    void set_driver_features(unsigned half, u32 f) override {
        agreed = half ? (agreed & 0xffff'ffff) | u64{f} << 32 : (agreed & ~u64{0xffff'ffff}) | f;
    }
    u32 config_generation() const override { return 0; }
    u16 select_queue(u16 index) override { return selected_ = index, index < std::size(queues) ? queue_size_ : 0; }
    Result<bus::Registers> set_queue(u16 index, u16 size, const Parts& parts, unsigned cpu,
                                     IrqHandler* handler) override {
        queues[index] = {parts, size, 0, 0, handler};
        cpus[index] = cpu;
        return bus::Registers{bells + index, sizeof(u16)};
    }
    Result<> set_config_handler(IrqHandler& handler) override { return config_handler = &handler, Result<>{}; }
    u32 take_interrupt() override { return 0; }
    void disconnect() override {}

    // The device's side.
    u16* available(unsigned q) const { return static_cast<u16*>(arch::direct(queues[q].parts.available)); }
    u16* used(unsigned q) const { return static_cast<u16*>(arch::direct(queues[q].parts.used)); }
    bool has_request(unsigned q) const {
        return queues[q].size && __atomic_load_n(available(q) + 1, __ATOMIC_ACQUIRE) != queues[q].taken;
    }
    unsigned requests(unsigned q) const {
        return queues[q].size ? static_cast<u16>(__atomic_load_n(available(q) + 1, __ATOMIC_ACQUIRE) - queues[q].taken)
                              : 0;
    }
    Request next(unsigned q) {
        auto& queue = queues[q];
        Request r{available(q)[2 + queue.taken++ % queue.size], {}, {}};
        auto* table = static_cast<virtio::Descriptor*>(arch::direct(queue.parts.descriptors));
        u16 at = r.head;
        if (table[at].flags & 4) {
            table = static_cast<virtio::Descriptor*>(arch::direct(table[at].address));
            at = 0;
        }
        for (;; at = table[at].next) {
            auto& d = table[at];
            (d.flags & 2 ? r.writes : r.reads).push_back({static_cast<std::byte*>(arch::direct(d.address)), d.size});
            if (!(d.flags & 1)) return r;
        }
    }
    /// Writes an entry of the used ring, shown by show().
    void put_used(unsigned q, u32 id, u32 length) {
        auto& queue = queues[q];
        u16* entry = used(q) + 2 + 4 * (queue.put++ % queue.size);
        std::memcpy(entry, &id, 4);
        std::memcpy(entry + 2, &length, 4);
    }
    void show(unsigned q) { __atomic_store_n(used(q) + 1, queues[q].put, __ATOMIC_RELEASE); }
    void interrupt(unsigned q) {
        bool were_on = arch::irqs_save();
        if (queues[q].handler) queues[q].handler->interrupt();
        arch::irqs_restore(were_on);
    }
    void change_config() {
        bool were_on = arch::irqs_save();
        config_handler->interrupt();
        arch::irqs_restore(were_on);
    }

    /// Puts a packet into as many buffers of queue q as it needs, whatever its header says of `buffers` unless that is
    /// 0, and shows it. False: there is not so much room.
    bool deliver(unsigned q, virtio::NetHeader header, std::string_view bytes) {
        std::string all(sizeof header, 0);
        all += bytes;
        unsigned buffers = static_cast<unsigned>((all.size() + page_size - 1) / page_size);
        if (requests(q) < buffers) return false;
        if (!header.buffers) header.buffers = static_cast<u16>(buffers);
        std::memcpy(all.data(), &header, sizeof header);
        for (usize at = 0; at < all.size();) {
            auto r = next(q);
            usize n = std::min(all.size() - at, r.writes[0].size());
            std::memcpy(r.writes[0].data(), all.data() + at, n);
            put_used(q, r.head, static_cast<u32>(n));
            at += n;
        }
        show(q);
        return true;
    }
    struct Sent {
        virtio::NetHeader header;
        std::string bytes;
        usize pieces;
    };
    /// Takes a packet that was sent; the driver gets it back.
    Sent take_sent(unsigned q) {
        auto r = next(q);
        Sent s{{}, {}, r.reads.size()};
        for (auto part : r.reads) s.bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
        std::memcpy(&s.header, s.bytes.data(), sizeof s.header);
        s.bytes.erase(0, sizeof s.header);
        put_used(q, r.head, 0);
        show(q);
        return s;
    }

    u64 offered, agreed = 0;
    alignas(8) u8 config[16] = {0x52, 0x54, 0, 1, 2, 3, 1, 0, 1, 0, 0xdc, 5}; // address, link up, one pair, 1500
    FakeQueue queues[9];
    unsigned cpus[9] = {}, resets = 0;
    u16 bells[9] = {}; // their numbers, when rung; set to anything else before
    IrqHandler* config_handler = nullptr;
    bool stuck = false; // does not let itself be reset

private:
    u16 queue_size_, selected_ = 0;
    u8 status_ = 0;
};
} // namespace host
