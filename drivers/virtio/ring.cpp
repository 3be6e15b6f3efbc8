#include "drivers/virtio/ring.h"
#include "arch/api/dma.h"

namespace virtio {
namespace {
enum DescriptorFlags : u16 { more_follow = 1, device_writes = 2, is_table = 4 };
constexpr u16 no_interrupt = 1, no_notification = 1; // flags of the available and the used ring

/// The device reads and writes these at any time: one access each, as written.
template <class T>
void store(T& at, T value) {
    *const_cast<volatile T*>(&at) = value;
}
} // namespace

Result<> Ring::init(std::byte* memory, u16 size, bool event_index, IndirectTables indirect) {
    Layout layout{size};
    descriptors_ = reinterpret_cast<Descriptor*>(memory);
    available_ = reinterpret_cast<u16*>(memory + layout.available);
    used_ = reinterpret_cast<u16*>(memory + layout.used);
    indirect_ = indirect;
    longest_table_ = indirect.pieces < size ? indirect.pieces : size; // no request is longer than the ring: 2.7.5.3.1
    size_ = free_ = size;
    event_index_ = event_index;
    TRY(requests_.resize(size));
    TRY(next_.resize(size));
    for (u16 i = 0; i < size; i++) next_[i] = static_cast<u16>(i + 1);
    return {};
}

/// Writes descriptors into `table`, or, without one, into the ring's own along the list of free ones. Returns the last.
u16 Ring::fill(std::span<const Piece> reads, std::span<const Piece> writes, Descriptor* table, u16 first) {
    usize count = reads.size() + writes.size();
    u16 at = first, last = first;
    for (usize i = 0; i < count; i++) {
        const Piece& piece = i < reads.size() ? reads[i] : writes[i - reads.size()];
        u16 next = table ? static_cast<u16>(i + 1) : next_[at];
        u16 flags = static_cast<u16>((i < reads.size() ? 0 : device_writes) | (i + 1 < count ? more_follow : 0));
        Descriptor& to = table ? table[i] : descriptors_[at];
        to = {piece.address, piece.size, flags, i + 1 < count ? next : u16{0}};
        last = at;
        at = next;
    }
    return table ? first : last;
}

Result<> Ring::add(std::span<const Piece> reads, std::span<const Piece> writes, void* token) {
    usize count = reads.size() + writes.size();
    usize needed = needs(count);
    bool in_table = needed < count;
    u64 room = 0;
    for (auto& piece : writes) room += piece.size;
    if (count == 0 || needed > size_ || room > ~u32{0} || !token) return err::inval;
    if (needed > free_) return err::nospc;
    u16 head = first_free_;
    u16 last = head;
    if (in_table) {
        usize offset = usize{head} * indirect_.pieces;
        (void)fill(reads, writes, indirect_.tables + offset, 0);
        descriptors_[head] = {indirect_.address + offset * sizeof(Descriptor),
                              static_cast<u32>(count * sizeof(Descriptor)), is_table, 0};
    } else {
        last = fill(reads, writes, nullptr, head);
    }
    first_free_ = next_[last];
    free_ = static_cast<u16>(free_ - needed);
    requests_[head] = {token, static_cast<u32>(room), static_cast<u16>(needed), last};
    store(available_[2 + (added_ & (size_ - 1))], head);
    added_++;
    return {};
}

bool Ring::publish() {
    if (added_ == published_) return false;
    arch::dma_write_barrier(); // descriptors and entries before the index
    store(available_[1], added_);
    arch::dma_barrier(); // the index before what the device wants
    u16 before = std::exchange(published_, added_);
    if (!event_index_) return !(used_[0] & no_notification);
    u16 wanted = used_[2 + 4 * usize{size_}];
    return static_cast<u16>(added_ - wanted - 1) < static_cast<u16>(added_ - before);
}

u16 Ring::read_used_index() const { return used_[1]; }

Result<Ring::Used> Ring::take() {
    if (broken_) return err::proto;
    u16 taken = taken_.load(std::memory_order_relaxed);
    u16 waiting = static_cast<u16>(read_used_index() - taken);
    if (waiting == 0) return err::again;
    arch::dma_read_barrier(); // the index before the entry, and before what the device has written
    volatile u16* entry = used_ + 2 + 4 * usize{taken & (size_ - 1u)};
    u32 id = *reinterpret_cast<volatile u32*>(entry), written = *reinterpret_cast<volatile u32*>(entry + 2);
    bool sound = waiting <= size_ - free_ && id < size_ && requests_[id].token && written <= requests_[id].room;
    if (!sound) {
        broken_ = true;
        return err::proto;
    }
    Request& request = requests_[id];
    next_[request.last] = first_free_;
    first_free_ = static_cast<u16>(id);
    free_ = static_cast<u16>(free_ + request.descriptors);
    taken_.store(static_cast<u16>(taken + 1), std::memory_order_relaxed);
    return Used{std::exchange(request.token, nullptr), written};
}

bool Ring::turn_on_interrupts(u16 after) {
    u16 taken = taken_.load(std::memory_order_relaxed);
    if (!event_index_) after = 0;
    if (event_index_)
        store(available_[2 + size_], static_cast<u16>(taken + after));
    else
        store(available_[0], u16{0});
    arch::dma_barrier(); // before looking once more
    return static_cast<u16>(read_used_index() - taken) > after;
}

void Ring::turn_off_interrupts() {
    // With an index nothing need be done: the device has passed it.
    if (!event_index_) store(available_[0], no_interrupt);
}

void* Ring::take_back() {
    broken_ = true;
    for (auto& request : requests_)
        if (request.token) return std::exchange(request.token, nullptr);
    return nullptr;
}
} // namespace virtio
