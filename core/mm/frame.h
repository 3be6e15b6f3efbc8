// Physical memory: one descriptor per 4 KiB frame, a buddy allocator with per-CPU caches.
#pragma once
#include "arch/api/machine.h"
#include "core/mm/account.h"
#include "lib/memory.h"

enum class FrameState : u8 { reserved, free, used, slab, large };

/// Describes a frame. Allocated frames are reference-counted: page-table entries, page caches and FrameRefs each hold one.
struct Frame {
    std::atomic<u32> refs;
    u8 order; // of the block this frame heads
    FrameState state;
    u16 account; // MemoryAccount::index()
    u64 owner[3]; // for the allocator while free, then for whoever allocated the frame
    arch::PhysAddr address() const;
    void* data() const { return arch::direct(address()); }
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
/// Takes over the machine's free memory. Once, first of all.
void init_frames(const arch::BootInfo&);
/// Hands memory over later: the initrd after unpacking, boot-only sections.
void add_free_memory(arch::MemoryRange);

enum class Fill { zeros, nothing };
/// 2^order frames in one block, charged to `account` (default: the current thread's).
/// err::nomem: no memory, or the account's limit.
Result<FrameRef> allocate_frame(Fill = Fill::zeros, unsigned order = 0, MemoryAccount* account = nullptr);
void drop_frame(Frame*); // one reference
Frame* frame_of(arch::PhysAddr);
inline Frame* frame_of(const void* direct) { return frame_of(arch::physical(direct)); }

/// What frames are used for, for /proc/meminfo.
enum class FrameUse : u8 { slab, page_tables, kernel_stacks, page_cache, anonymous, shared, kinds };
void count_use(FrameUse, i64 frames);
struct MemoryInfo {
    u64 total, free; // bytes
    u64 use[static_cast<unsigned>(FrameUse::kinds)];
};
MemoryInfo memory_info();

inline constexpr usize kernel_stack_size = 16 * KiB;
/// A kernel stack in the vmap space with a guard page below it, charged to the current account. Returns its top.
Result<uptr> allocate_stack();
void free_stack(uptr top);
} // namespace mm

inline FrameRef::~FrameRef() {
    if (p_) mm::drop_frame(p_);
}
