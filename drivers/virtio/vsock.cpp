#include "drivers/virtio/vsock.h"
#include "core/log/log.h"

namespace virtio {
namespace {
constexpr bus::Match matches[] = {bus::virtio(type_vsock)};
constexpr u32 event_size = 4;
constexpr u32 event_reset = 0;
constexpr u64 feature_stream = 1 << 0, feature_messages = 1 << 1;

Result<> start(VsockDevice& vsock) {
    if (vsock::transport()) return err::busy; // the sockets' numbers are of one
    TRY(vsock.prepare());
    return vsock::set_transport(vsock);
}

Result<> probe(bus::Device& found) {
    auto vsock = TRY(make<VsockDevice>(device(found)));
    auto started = start(*vsock);
    if (!started) {
        (void)device(found).reset();
        vsock->stop();
        return started;
    }
    log(LogLevel::info, "virtio-vsock: {}: this machine is {}", device(found).name(), vsock->cid());
    vsock.release()->queue(); // for ever
    return {};
}

bool is_answer(const net::Packet& p) { return p.size() == sizeof(vsock::Header); }
} // namespace

const bus::Driver vsock_driver{"virtio-vsock", matches, probe};

VsockDevice::VsockDevice(Device& device)
    : Timer{[](Timer& t) { static_cast<VsockDevice&>(t).queue(); }}, device_{device} {}

Result<> VsockDevice::read_cid() {
    u64 cid = TRY(device_.config<u64>(0));
    if (cid <= vsock::cid_host || cid >= vsock::cid_any) return err::proto; // 5.10.4: reserved ones
    cid_.store(static_cast<u32>(cid), std::memory_order_relaxed);
    return {};
}

Result<> VsockDevice::prepare() {
    messages_ = TRY(device_.negotiate(feature_stream | feature_messages)) & feature_messages;
    TRY(read_cid());
    event_memory_ = TRY(bus::DmaBuffer::contiguous(device_, event_entries * event_size));
    receives_ = TRY(device_.make_queue(0, receive_entries, this));
    sends_ = TRY(device_.make_queue(1, send_entries, this, 0, most_pieces));
    events_ = TRY(device_.make_queue(2, event_entries, this));
    if (sends_->needs(most_pieces) > sends_->room()) return err::opnotsupp; // every packet fits
    for (u16 i = 0, n = events_->room(); i < n; i++) TRY(give_event(event_memory_.at(i * event_size)));
    device_.run();
    return {};
}

Result<> VsockDevice::give_event(std::byte* at) {
    Piece piece{event_memory_.address(static_cast<usize>(at - event_memory_.at())), event_size};
    return events_->add({}, {&piece, 1}, at);
}

/// A packet of the device's lies in one frame.
void VsockDevice::fill() {
    while (receives_->room()) {
        auto frame = mm::allocate_frame(FrameUse::kernel);
        if (!frame) { // if the device has none left, nothing will come of itself
            look_later();
            break;
        }
        Piece all{(*frame)->address(), page_size};
        if (!receives_->add({}, {&all, 1}, frame->get())) break;
        (void)frame->release();
    }
    receives_->kick();
}

void VsockDevice::look_later() {
    if (!armed()) arm(clocks::in(pause_ns));
}

/// False: the packet's form is wrong.
bool VsockDevice::take_packet(net::PacketBox p, FrameRef frame, u32 written) {
    vsock::Header h;
    if (written < sizeof h) return false;
    std::memcpy(&h, frame->data(), sizeof h);
    if (h.length > written - sizeof h) return false;
    // Cids have 32 bits. What is not for this machine is nobody's, and so is what says that it comes from here.
    if (h.destination_cid != cid() || h.source_cid == cid() || h.source_cid == vsock::cid_local ||
        h.source_cid >= vsock::cid_any)
        return true;
    if (h.length && !p->append(net::Piece{std::move(frame), sizeof h, h.length})) return false;
    if (!p->push_header(h)) return false;
    vsock::received(std::move(p));
    return true;
}

/// False: the device has broken the rules.
bool VsockDevice::take_received(unsigned budget, bool& more) {
    bool empty = false;
    for (held_back_ = false; budget && !empty; budget--) {
        if ((held_back_ = answers_wait())) break;
        auto p = net::Packet::create(); // before that is taken for which it is
        if (!p) {
            look_later();
            break;
        }
        auto used = receives_->take();
        empty = used == err::again;
        if (empty) continue;
        if (!used) return false;
        auto frame = FrameRef::adopt(static_cast<Frame*>(used->token));
        if (!take_packet(std::move(*p), std::move(frame), used->written)) return false;
    }
    fill();
    if (empty ? receives_->done() : budget == 0) more = true;
    return true;
}

/// False: the device has broken the rules.
bool VsockDevice::take_events(bool& more) {
    Result<Ring::Used> used = err::again;
    while ((used = events_->take())) {
        u32 event = ~0u;
        auto* at = static_cast<std::byte*>(used->token);
        if (used->written >= sizeof event) std::memcpy(&event, at, sizeof event);
        if (!give_event(at)) return false;
        if (event != event_reset) continue;
        if (!read_cid()) return false;
        vsock::transport_was_reset();
    }
    if (used == err::proto) return false;
    events_->kick(); // so it is done with few of them before
    more |= events_->done();
    return true;
}

/// Under the lock. False: the device has broken the rules.
bool VsockDevice::let_go_of_sent(net::PacketQueue& sent) {
    Result<Ring::Used> used = err::again;
    while ((used = sends_->take())) sent.push(net::PacketBox{static_cast<net::Packet*>(used->token)});
    return used != err::proto;
}

/// Under the lock: packets keep their order.
void VsockDevice::fill_sends() {
    while (net::Packet* p = waiting_.first()) {
        Piece pieces[most_pieces];
        usize count = 0;
        p->for_each(0, p->size(), [&](std::span<const std::byte> bytes) {
            pieces[count++] = {arch::physical(bytes.data()), static_cast<u32>(bytes.size())};
        });
        if (!sends_->add({pieces, count}, {}, p)) break;
        if (is_answer(*p)) answers_.fetch_sub(1, std::memory_order_relaxed);
        (void)waiting_.pop().release();
    }
    sends_->kick();
}

void VsockDevice::send(net::PacketBox p) {
    net::PacketQueue sent; // goes without the lock
    Holding held{lock_};
    if (broken()) return;
    if (is_answer(*p)) answers_.fetch_add(1, std::memory_order_relaxed);
    waiting_.push(std::move(p));
    if (let_go_of_sent(sent)) return fill_sends();
    broken_.store(true, std::memory_order_relaxed);
    queue(); // to give up
}

/// False: the device has broken the rules.
bool VsockDevice::send_waiting(bool& more) {
    net::PacketQueue sent;
    Holding held{lock_};
    if (broken() || !let_go_of_sent(sent)) return false;
    fill_sends();
    more |= sends_->done();
    return true;
}

bool VsockDevice::run(unsigned budget) {
    if (gave_up_) return false;
    bool more = false;
    bool sound = !device_.needs_reset() && take_events(more) && take_received(budget, more) && send_waiting(more);
    if (sound) return more || (held_back_ && !answers_wait());
    give_up();
    return false;
}

/// What it may still write to stays its own.
void VsockDevice::give_up() {
    log(LogLevel::warning, "virtio-vsock: {} has broken the rules, and is not used any more", device_.name());
    gave_up_ = true;
    {
        Holding held{lock_};
        broken_.store(true, std::memory_order_relaxed);
        waiting_.clear();
    }
    if (device_.reset()) {
        while (void* frame = receives_->take_back()) (void)FrameRef::adopt(static_cast<Frame*>(frame));
        while (void* p = sends_->take_back()) net::PacketBox{static_cast<net::Packet*>(p)};
    }
    vsock::transport_was_reset();
}
} // namespace virtio
