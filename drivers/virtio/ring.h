// A split virtqueue (Virtual I/O Device 1.2, 2.7): the driver's side. Memory in, memory out: no device, no locks, no
// allocation after init().
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include "lib/vector.h"
#include <atomic>
#include <span>
#include <utility>

namespace virtio {
/// A part of a request: where the device finds it.
struct Piece {
    u64 address;
    u32 size;
};

struct Descriptor {
    u64 address;
    u32 size;
    u16 flags, next;
};

/// A table of `pieces` descriptors for each of a ring's, one after the other: a request of several pieces then needs
/// one. Without them: pieces is 0.
struct IndirectTables {
    Descriptor* tables = nullptr;
    u64 address = 0;
    u16 pieces = 0;
};

/// The device reads descriptors and writes the used ring only. All that it writes is checked; nothing the driver needs
/// to know is read back from memory that it can reach. Once it has broken the rules, nothing more is taken from it.
class Ring {
public:
    /// Where the parts stand from the start of the ring's memory, and how large that is, for `size` descriptors.
    struct Layout {
        usize available, used, bytes;
        explicit constexpr Layout(u16 size)
            : available{usize{16} * size},
              used{align_up(available + 6 + usize{2} * size, 4)},
              bytes{used + 6 + usize{8} * size} {}
    };
    /// `memory` is zeroed, 16-byte aligned; `size` is a power of two. `event_index`: both sides say at which entry they
    /// want to be told (VIRTIO_F_EVENT_IDX). err::nomem.
    Result<> init(std::byte* memory, u16 size, bool event_index, IndirectTables indirect = {});

    /// Adds a request: what the device reads, then what it writes. `token`, not null, comes back with it. The memory
    /// stays the device's until then. Seen by the device after publish(). err::nospc: no room now; err::inval: there is
    /// nothing in it, or it will never fit.
    Result<> add(std::span<const Piece> reads, std::span<const Piece> writes, void* token);
    /// Shows the device what was added. Whether it wants to be told.
    [[nodiscard]] bool publish();
    /// Entries that are free, in the device's hands, and needed by a request of so many pieces.
    u16 room() const { return free_; }
    u16 in_flight() const { return static_cast<u16>(size_ - free_); }
    usize needs(usize pieces) const { return pieces > 1 && pieces <= longest_table_ ? 1 : pieces; }

    struct Used {
        void* token;
        u32 written; // bytes, no more than the request had room for
    };
    /// A request that the device is done with. err::again: there is none; err::proto: the device has broken the rules.
    Result<Used> take();
    bool broken() const { return broken_; }
    /// Whether take() has something to say. From any context.
    bool has_used() const { return read_used_index() != taken_.load(std::memory_order_relaxed); }

    /// The device shall interrupt at the next request that it is done with, or when it is done with `after` more, where
    /// it can count them. Returns whether that has come already.
    bool turn_on_interrupts(u16 after = 0);
    /// It need not: a hint. From any context.
    void turn_off_interrupts();

    /// After the device has been reset: the token of a request that it still had; null: none. The ring is of no use
    /// then.
    void* take_back();

private:
    struct Request {           // by its first descriptor
        void* token = nullptr; // null: not one
        u32 room = 0;          // bytes that the device may write
        u16 descriptors = 0, last = 0;
    };
    u16 read_used_index() const;
    u16 fill(std::span<const Piece> reads, std::span<const Piece> writes, Descriptor* table, u16 first);

    Descriptor* descriptors_ = nullptr;
    u16* available_ = nullptr;     // flags, index, entries, used_event
    volatile u16* used_ = nullptr; // flags, index, entries of two words, available_event
    IndirectTables indirect_;
    u16 longest_table_ = 0;
    Vector<Request> requests_;
    Vector<u16> next_; // of a descriptor that is free or part of a request
    u16 size_ = 0, free_ = 0, first_free_ = 0;
    u16 added_ = 0, published_ = 0; // indices of the available ring
    std::atomic<u16> taken_ = 0;    // index of the used ring
    bool event_index_ = false, broken_ = false;
};
} // namespace virtio
