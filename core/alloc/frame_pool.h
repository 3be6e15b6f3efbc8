// Below the accounts: blocks of frames that nobody pays for. For the heap, whose objects are charged one by one.
#pragma once
#include "core/alloc/frame.h"

namespace mm {
inline constexpr u16 uncharged = 0xffff; // Frame::account

/// A buddy's use is looked at by whoever frees its neighbour, while its owner may change it from one use to another.
inline void set_use(Frame* f, FrameUse use) { std::atomic_ref{f->use}.store(use, std::memory_order_relaxed); }

/// One block with one reference, or null. `payer` is looked at for the reserves only. Its contents are whatever was
/// there; `zeros`: whether it shall be filled with zeros, set to false if it is already.
Frame* take_block(FrameUse, unsigned order, const MemoryAccount& payer, bool* zeros = nullptr);
/// Returns a block whose last reference is gone.
void give_block(Frame*);

/// drop_frame() of a single frame that holds nothing but zeros: the next who wants that need not fill it.
void drop_zeros(Frame*);
/// drop_frame() for each. The span is scratch afterwards.
void drop_frames(std::span<Frame*>);

/// 2^order frames of their own, one reference each, that lie together and are aligned to their size: filled with zeros
/// and charged to the current account. Null unless they are free at once, and an eighth of the machine's memory and of
/// the account's limit stays free.
Frame* allocate_together(FrameUse, unsigned order);
/// drop_frame() of each of the 2^order frames.
void drop_together(Frame* first, unsigned order);

/// memory_info().total, without the rest.
u64 total_memory();
/// memory_info().free, but for what CPUs keep.
u64 free_memory();
/// Bytes. With less of them free the kernel's account asks for reclaim.
u64 low_watermark();

/// The parts of drain_caches().
void drain_heap();
void drain_stacks();
/// Free objects that closed accounts still pay for are nobody's from now on. Looks at those that were freed last.
void settle_idle_objects();
} // namespace mm
