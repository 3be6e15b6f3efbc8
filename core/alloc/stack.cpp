// Kernel stacks: four frames each, in 32 KiB slots of the vmap space whose lower half stays unmapped and catches
// overflows. Stacks of dead threads are kept mapped for the next ones.
#include "arch/api/kernel_map.h"
#include "core/alloc/frame_pool.h"
#include "core/alloc/page_table.h"
#include "core/cpu/cross_call.h"
#include "core/sync/lock.h"
#include <optional>

namespace mm {
namespace {
constexpr usize slot_size = 2 * kernel_stack_size;
constexpr unsigned pages = kernel_stack_size / page_size;
constexpr unsigned slots = 32768;
static_assert(arch::vmap_start + slots * slot_size <= arch::vmap_end);

struct Stacks {
    u64 used[slots / 64]{};  // a stack stands in the slot, or stale translations to it may be about
    u64 stale[slots / 64]{}; // unmapped, but not yet forgotten by every TLB
    unsigned stale_count = 0;
    unsigned tried = 0; // slots from here on have never been used: they may have no tables yet
    static constexpr unsigned cache_size = 16;
    unsigned cached = 0;
    uptr cache[cache_size]; // tops

    /// A slot that has been used before.
    std::optional<unsigned> take() {
        for (unsigned word = 0; word * 64 < tried; word++) {
            unsigned slot = word * 64 + static_cast<unsigned>(std::countr_one(used[word]));
            if (slot >= tried || used[word] == ~u64{0}) continue;
            used[word] |= u64{1} << slot % 64;
            return slot;
        }
        return std::nullopt;
    }
};
constinit Guarded<Stacks, Spinlock<Rank::stacks>> stacks;
/// Tables of the vmap space are shared by all address spaces, made under this lock and never freed.
constinit Spinlock<Rank::vmap> growing;

uptr top_of(unsigned slot) { return arch::vmap_start + (slot + usize{1}) * slot_size; }
unsigned slot_of(uptr top) { return static_cast<unsigned>((top - arch::vmap_start) / slot_size - 1); }

/// The entries of the stack's pages, which lie in one table: a slot does not cross a boundary between tables.
std::span<arch::Pte> entries_of(uptr top) {
    return {page_table::find(arch::kernel_page_table(), top - kernel_stack_size), pages};
}
Frame* frame_in(const arch::Pte& entry) { return frame_of(page_table::load(&entry).address()); }

Result<unsigned> take_slot() {
    constexpr unsigned worth_a_flush = 32;
    auto s = stacks.lock();
    if (auto slot = s->take()) return *slot;
    if (s->stale_count >= worth_a_flush || s->tried == slots) {
        call_on(~u64{0}, [](void*) { arch::flush_all(); }, nullptr);
        for (unsigned i = 0; i < slots / 64; i++) s->used[i] &= ~std::exchange(s->stale[i], 0);
        s->stale_count = 0;
        if (auto slot = s->take()) return *slot;
    }
    if (s->tried == slots) return err::again;
    unsigned slot = s->tried++;
    s->used[slot / 64] |= u64{1} << slot % 64;
    return slot;
}

void unmap(uptr top, unsigned mapped) {
    if (mapped > 0)
        for (auto& entry : entries_of(top).last(mapped)) {
            Frame* f = frame_in(entry);
            page_table::store(&entry, arch::Pte::empty());
            drop_frame(f);
        }
    auto s = stacks.lock();
    unsigned slot = slot_of(top);
    s->stale[slot / 64] |= u64{1} << slot % 64;
    s->stale_count++;
}

Result<uptr> make_stack() {
    unsigned slot = TRY(take_slot());
    uptr top = top_of(slot);
    constexpr auto flags = arch::page_read | arch::page_write | arch::page_global;
    for (unsigned i = 1; i <= pages; i++) {
        auto frame = allocate_frame(FrameUse::stack, Fill::nothing);
        Result<arch::Pte*> entry = err::nomem;
        if (frame) {
            Holding hold{growing};
            entry = page_table::make(arch::kernel_page_table(), top - i * page_size, nullptr, &MemoryAccount::kernel());
        }
        if (!entry) {
            unmap(top, i - 1);
            return err::nomem;
        }
        page_table::store(*entry, arch::Pte::leaf(frame->release()->address(), flags));
    }
    arch::kernel_map_grew();
    return top;
}
} // namespace

Result<uptr> allocate_stack() {
    uptr top = 0;
    {
        auto s = stacks.lock();
        if (s->cached) top = s->cache[--s->cached];
    }
    if (!top) return make_stack();
    MemoryAccount& account = MemoryAccount::current();
    if (!account.charge(kernel_stack_size)) {
        free_stack(top);
        return err::nomem;
    }
    for (auto& entry : entries_of(top)) frame_in(entry)->account = account.index();
    return top;
}

void free_stack(uptr top) {
    for (auto& entry : entries_of(top)) {
        Frame* f = frame_in(entry);
        if (f->account != uncharged) MemoryAccount::at(f->account).uncharge(page_size);
        f->account = uncharged;
    }
    {
        auto s = stacks.lock();
        if (s->cached < Stacks::cache_size) {
            s->cache[s->cached++] = top;
            return;
        }
    }
    unmap(top, pages);
}

void drain_stacks() {
    for (;;) {
        uptr top;
        {
            auto s = stacks.lock();
            if (!s->cached) return;
            top = s->cache[--s->cached];
        }
        unmap(top, pages);
    }
}
} // namespace mm
