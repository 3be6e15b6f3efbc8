// Physical memory: one descriptor per 4 KiB frame, a buddy allocator with per-CPU caches.
#pragma once
#include "arch/api/machine.h"
#include "core/alloc/account.h"
#include "lib/memory.h"

/// What a frame is used for: for /proc/meminfo, and for faults to know whose page they look at.
enum class FrameUse : u8 {
    reserved,  // firmware, the kernel image, and the later frames of a block
    free,      // head of a free block
    kernel,    // anything not named below
    slab,      // heap: head of a slab
    slab_rest, // heap: a later frame of a slab
    large,     // heap: one allocation of whole frames
    page_table,
    stack,      // of a kernel thread
    page_cache, // a page of a file
    shared,     // a page of shared anonymous memory
    anonymous,  // private to address spaces: may be written in place when there is only one reference
    kinds
};

/// Describes a frame. Allocated frames are reference-counted: page-table entries, page trees and FrameRefs each hold
/// one.
struct Frame {
    std::atomic<u32> refs;
    u8 order; // of the block this frame heads
    FrameUse use;
    u16 account; // MemoryAccount::index()
    union {      // by use
        struct {
            Frame *next, *previous;
        } link; // free, and slabs with objects left
        struct {
            Frame *next, *previous; // as link
            u16 size_class, objects_left, first_left;
        } slab;
        Frame* slab_head;           // slab_rest
        struct {                    // page_cache, shared
            std::atomic<u32> trees; // the page trees that hold this page (core/mm/page_tree.h)
            bool recent;            // used since reclaim came by; under the lock of the tree's owner
        } cached;
        u32 entries; // page_table: entries that are not empty
    };
    arch::PhysAddr address() const;
    void* data() const { return arch::direct(address()); }
    std::span<std::byte, page_size> bytes() const {
        return std::span<std::byte, page_size>{static_cast<std::byte*>(data()), page_size};
    }
};
static_assert(sizeof(Frame) == 32);

/// A counted reference to an allocated frame.
class FrameRef {
public:
    FrameRef() = default;
    FrameRef(const FrameRef& o) : FrameRef{share(o.p_)} {}
    FrameRef(FrameRef&& o) noexcept : p_{std::exchange(o.p_, nullptr)} {}
    FrameRef& operator=(FrameRef o) noexcept {
        std::swap(p_, o.p_);
        return *this;
    }
    ~FrameRef();
    static FrameRef adopt(Frame* f) {
        FrameRef r;
        r.p_ = f;
        return r;
    }
    static FrameRef share(Frame* f) {
        if (f) f->refs.fetch_add(1, std::memory_order_relaxed);
        return adopt(f);
    }
    [[nodiscard]] Frame* release() { return std::exchange(p_, nullptr); }
    Frame* get() const { return p_; }
    Frame* operator->() const { return p_; }
    explicit operator bool() const { return p_ != nullptr; }

private:
    Frame* p_ = nullptr;
};

namespace mm {
/// Takes over the machine's free memory. Once, first of all: before it nothing can be allocated.
void init_frames(const arch::BootInfo&);
/// Hands memory over later: the initrd after unpacking, boot-only sections. Whole pages inside the range are taken.
void add_free_memory(arch::MemoryRange);

enum class Fill : u8 { zeros, nothing };
inline constexpr unsigned max_order = 10;
/// 2^order frames in one block, charged to `account` (default: the current thread's).
/// err::nomem: no memory, or the account's limit. Any context but interrupts.
Result<FrameRef> allocate_frame(FrameUse, Fill = Fill::zeros, unsigned order = 0, MemoryAccount* account = nullptr);
/// The same, of zeros, with all of the block below `limit`: for devices whose addresses are short. Slow.
Result<FrameRef> allocate_frame_below(arch::PhysAddr limit, FrameUse, unsigned order = 0);
void drop_frame(Frame*); // one reference; the last one frees
/// The descriptor of RAM, null for an address that is not.
Frame* frame_of(arch::PhysAddr);
inline Frame* frame_of(const void* direct) { return frame_of(arch::physical(direct)); }
/// A page of zeros that everybody may map or read and nobody writes. Its use is `kernel`.
Frame* zero_frame();

struct MemoryInfo {
    u64 total, free;                                 // bytes
    u64 use[static_cast<unsigned>(FrameUse::kinds)]; // bytes
    u64 of(FrameUse u) const { return use[static_cast<unsigned>(u)]; }
};
MemoryInfo memory_info();
/// Whether programs that `payer` pays for can have some pages now, but for its limit. Drains the caches.
bool has_room(const MemoryAccount& payer);
/// Gives back what per-CPU caches, magazines and the cache of stacks hold. When memory is short, and before tests
/// compare memory_info().free.
void drain_caches();

inline constexpr usize kernel_stack_size = 16 * KiB;
/// A kernel stack in the vmap space with a guard page below it, charged to the current account. Returns its top.
Result<uptr> allocate_stack();
void free_stack(uptr top);
} // namespace mm

inline FrameRef::~FrameRef() {
    if (p_) mm::drop_frame(p_);
}
