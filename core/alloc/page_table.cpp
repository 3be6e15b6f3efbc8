#include "core/alloc/page_table.h"
#include <cstring>

namespace page_table {
using arch::Pte;

Pte* find(arch::PhysAddr root, uptr address, unsigned wanted) {
    Pte* table = table_at(root);
    for (unsigned level = top; level > wanted; level--) {
        Pte e = load(table + index_at(address, level));
        if (!e.present() || e.is_leaf(level)) return nullptr;
        table = table_at(e.address());
    }
    return table + index_at(address, wanted);
}

Pte lookup(arch::PhysAddr root, uptr address) {
    Pte* p = find(root, address, 1);
    Pte e = p ? load(p) : Pte::empty();
    if (!e.present()) return Pte::empty();
    if (e.is_leaf(1)) return Pte::leaf(e.address() + (page_down(address) & (span_of(1) - 1)), e.flags());
    return load(table_at(e.address()) + index_at(address, 0));
}

bool fill_first(Pte* p, Pte value) {
    u64 empty = Pte::empty().bits;
    if (!__atomic_compare_exchange_n(&p->bits, &empty, value.bits, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    // A table that the port made is never taken away, and may not even have a descriptor.
    Frame* table = mm::frame_of(static_cast<const void*>(p));
    if (table && table->use == FrameUse::page_table)
        std::atomic_ref{table->entries}.fetch_add(1, std::memory_order_relaxed);
    return true;
}

Result<Pte*> make(arch::PhysAddr root, uptr address, std::atomic<u64>* made_count, MemoryAccount* account,
                  unsigned wanted) {
    Pte* table = table_at(root);
    for (unsigned level = top; level > wanted; level--) {
        Pte* entry = table + index_at(address, level);
        if (!load(entry).present()) {
            FrameRef made = TRY(mm::allocate_frame(FrameUse::page_table, mm::Fill::zeros, 0, account));
            made->entries = 0;
            if (fill_first(entry, Pte::table(made->address()))) {
                (void)made.release();
                if (made_count) made_count->fetch_add(1, std::memory_order_relaxed);
            }
        }
        Pte e = load(entry);
        if (e.is_leaf(level)) return err::exist;
        table = table_at(e.address());
    }
    return table + index_at(address, wanted);
}

Pte* next_huge(arch::PhysAddr root, uptr& at, uptr end) {
    while (at < end) {
        Pte* table = table_at(root);
        unsigned level = top;
        for (; level > 1; level--) {
            Pte e = load(table + index_at(at, level));
            if (!e.present() || e.is_leaf(level)) break;
            table = table_at(e.address());
        }
        if (level == 1) {
            Pte* entry = table + index_at(at, 1);
            Pte e = load(entry);
            if (e.present() && e.is_leaf(1)) return entry;
        }
        at = align_down(at, span_of(level)) + span_of(level);
    }
    at = end;
    return nullptr;
}

Pte* next_table(arch::PhysAddr root, uptr& at, uptr end) {
    while (at < end) {
        Pte* table = table_at(root);
        unsigned level = top;
        for (; level > 0; level--) {
            Pte e = load(table + index_at(at, level));
            if (!e.present() || e.is_leaf(level)) break;
            table = table_at(e.address());
        }
        if (level == 0) return table + index_at(at, 0);
        at = align_down(at, span_of(level)) + span_of(level);
    }
    at = end;
    return nullptr;
}

Result<arch::PhysAddr> create_root() {
    FrameRef root = TRY(mm::allocate_frame(FrameUse::page_table, mm::Fill::nothing));
    constexpr usize user_bytes = arch::kernel_half * sizeof(Pte), kernel_bytes = page_size - user_bytes;
    auto* kernel = table_at(arch::kernel_page_table()) + arch::kernel_half;
    std::memset(root->data(), 0, user_bytes);
    root->entries = 0;
    std::memcpy(static_cast<Pte*>(root->data()) + arch::kernel_half, kernel, kernel_bytes);
    return root.release()->address();
}

namespace {
void destroy_level(Pte* table, unsigned level) {
    if (level > 0)
        for (u32 i = 0, left = table_frame(table).entries; left; i++) {
            Pte e = load(table + i);
            if (!e.present()) continue;
            destroy_level(table_at(e.address()), level - 1);
            left--;
        }
    mm::drop_frame(mm::frame_of(static_cast<void*>(table)));
}
} // namespace

void destroy(arch::PhysAddr root) { destroy_level(table_at(root), top); }

arch::PhysAddr translate_kernel(uptr address) {
    Pte* table = table_at(arch::kernel_page_table());
    for (unsigned level = top;; level--) {
        Pte e = load(table + index_at(address, level));
        if (!e.present()) return 0;
        if (e.is_leaf(level)) return e.address() + (address & (span_of(level) - 1));
        table = table_at(e.address());
    }
}
} // namespace page_table
