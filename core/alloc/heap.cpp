// The kernel's heap behind operator new(nothrow) and operator delete: slabs of equal objects per size class with
// per-CPU magazines (Bonwick and Adams, "Magazines and Vmem", 2001), whole frames beyond. Every object is charged to
// the account of the thread that makes it; an array at the end of each slab remembers to whom. Who has freed an object
// goes on paying for it until another account takes it or the slab is given back: so a container cannot make the
// machine lose more than its limit by keeping one object of each slab, and one that takes again what it has freed
// charges nothing. What nobody pays for is never-used objects: at most one slab per size, and those in magazines.
#include "core/alloc/heap.h"
#include "core/alloc/fail.h"
#include "core/alloc/frame_pool.h"
#include "core/check/kasan.h"
#include "core/check/panic.h"
#include "core/sync/lock.h"
#include <new>

namespace mm {
namespace {
constexpr u16 class_sizes[] = {16,  32,  48,  64,  80,  96,  112, 128, 160,  192,  224,
                               256, 320, 384, 448, 512, 576, 640, 768, 1024, 1344, 2048};
constexpr unsigned classes = std::size(class_sizes);
constexpr usize largest = 2048;

constexpr u8 most_cached = 16; // objects of a class in a magazine; of large ones 4

struct Shape {
    u16 size = 0, objects = 0;
    u16 charged = 0;  // bytes per object: its part of the slab
    u16 bytes = 0;    // of a slab
    u16 accounts = 0; // where in a slab they stand
    u8 order = 0, cached = 0;
    u32 reciprocal = 0; // offset / size == offset * reciprocal >> 32 for every offset of an object
};
constexpr Shape shape_of(u16 size) {
    for (u8 order = 0;; order++) {
        u32 bytes = static_cast<u32>(page_size << order);
        u32 objects = bytes / (size + 2u);
        if (order < 3 && (bytes - objects * size) * 100 > bytes * 13) continue;
        return {.size = size,
                .objects = static_cast<u16>(objects),
                .charged = static_cast<u16>(bytes / objects),
                .bytes = static_cast<u16>(bytes),
                .accounts = static_cast<u16>(bytes - objects * sizeof(u16)),
                .order = order,
                .cached = size > 512 ? u8{4} : most_cached,
                .reciprocal = ~u32{0} / size + 1};
    }
}
struct Tables {
    Shape shape[classes];
    u8 class_of[largest / 16 + 1]{}; // by size in units of 16 bytes, rounded up
    constexpr Tables() {
        for (unsigned c = 0, unit = 0; c < classes; c++) {
            shape[c] = shape_of(class_sizes[c]);
            for (; unit * 16 <= class_sizes[c]; unit++) class_of[unit] = static_cast<u8>(c);
        }
    }
};
constexpr Tables tables;

/// The slabs of one class that have objects left.
struct Slabs {
    Frame* partial = nullptr;
    unsigned empty = 0; // slabs of which nothing is used; one is kept

    void link(Frame* f) {
        f->slab.next = partial;
        f->slab.previous = nullptr;
        if (partial) partial->slab.previous = f;
        partial = f;
    }
    void unlink(Frame* f) {
        (f->slab.previous ? f->slab.previous->slab.next : partial) = f->slab.next;
        if (f->slab.next) f->slab.next->slab.previous = f->slab.previous;
    }
};
constinit Guarded<Slabs, Spinlock<Rank::slab>> slabs[classes];

struct Magazine {
    unsigned count = 0;
    void* objects[most_cached];
};
struct CpuHeap {
    Magazine magazines[classes];
};
constinit Guarded<CpuHeap, Spinlock<Rank::magazine>> heaps[arch::max_cpus];

/// In the array at a slab's end: nobody uses the object, the account in the other bits pays. `uncharged` has the bit
/// too.
constexpr u16 idle = 0x8000;
static_assert(uncharged & idle);

u16* accounts_of(const Frame* slab, const Shape& shape) {
    return reinterpret_cast<u16*>(static_cast<std::byte*>(slab->data()) + shape.accounts);
}
void* object_at(const Frame* slab, const Shape& shape, unsigned i) {
    return static_cast<std::byte*>(slab->data()) + usize{i} * shape.size;
}
unsigned index_of(const Frame* slab, const Shape& shape, const void* object) {
    u64 offset = static_cast<u64>(static_cast<const std::byte*>(object) - static_cast<std::byte*>(slab->data()));
    return static_cast<unsigned>(offset * shape.reciprocal >> 32);
}
/// Who pays for an object, from its address alone: a slab is aligned to its size.
u16& payer_of(const Shape& shape, void* object) {
    uptr address = reinterpret_cast<uptr>(object), offset = address & (shape.bytes - 1u);
    return reinterpret_cast<u16*>(address - offset + shape.accounts)[offset * shape.reciprocal >> 32];
}

/// Objects that nobody uses are chained by indices in their first bytes.
NO_KASAN u16 next_left(const void* object) { return *static_cast<const u16*>(object); }
NO_KASAN void set_next_left(void* object, u16 next) { *static_cast<u16*>(object) = next; }

Frame* make_slab(unsigned c) {
    const Shape& shape = tables.shape[c];
    Frame* f = take_block(FrameUse::slab, shape.order, MemoryAccount::current());
    if (!f) return nullptr;
    f->slab.size_class = static_cast<u16>(c);
    f->slab.objects_left = shape.objects;
    f->slab.first_left = 0;
    for (unsigned i = 0; i < shape.objects; i++) {
        set_next_left(object_at(f, shape, i), static_cast<u16>(i + 1));
        accounts_of(f, shape)[i] = uncharged;
    }
    kasan::poison(f->data(), usize{shape.objects} * shape.size, kasan::Poison::redzone);
    for (unsigned i = 1; i < 1u << shape.order; i++) {
        set_use(f + i, FrameUse::slab_rest);
        f[i].slab_head = f;
    }
    return f;
}

/// Gives the objects' bytes back to those who paid, equal neighbours together.
class Refund {
public:
    explicit Refund(u16 each) : each_{each} {}
    ~Refund() { settle(); }
    Refund(const Refund&) = delete;
    void add(u16& payer) {
        u16 to = std::exchange(payer, uncharged);
        if (to != to_) settle();
        to_ = to;
        objects_++;
    }

private:
    void settle() {
        if (to_ != uncharged) MemoryAccount::at(to_ & ~idle & 0xffff).uncharge(u64{objects_} * each_);
        objects_ = 0;
    }
    u16 each_, to_ = uncharged;
    unsigned objects_ = 0;
};

void destroy_slab(Frame* f) {
    const Shape& shape = tables.shape[f->slab.size_class];
    {
        Refund refund{shape.charged};
        for (unsigned i = 0; i < shape.objects; i++) refund.add(accounts_of(f, shape)[i]);
    }
    for (unsigned i = 1; i < 1u << f->order; i++) set_use(f + i, FrameUse::reserved);
    kasan::unpoison(f->data(), page_size << f->order);
    f->refs.store(0, std::memory_order_relaxed);
    give_block(f);
}

/// Up to n objects of class c into `to`; makes a slab when there is none.
unsigned get_batch(unsigned c, void** to, unsigned n) {
    const Shape& shape = tables.shape[c];
    Frame* fresh = nullptr;
    unsigned got = 0;
    for (;;) {
        {
            auto from = slabs[c].lock();
            if (fresh) {
                from->link(fresh);
                from->empty++;
            }
            while (got < n && from->partial) {
                Frame* f = from->partial;
                if (f->slab.objects_left == shape.objects) from->empty--;
                for (; got < n && f->slab.objects_left; f->slab.objects_left--) {
                    void* object = object_at(f, shape, f->slab.first_left);
                    f->slab.first_left = next_left(object);
                    to[got++] = object;
                }
                if (!f->slab.objects_left) from->unlink(f);
            }
        }
        if (got || fresh) return got;
        fresh = make_slab(c);
        if (!fresh) return 0;
    }
}

Frame* slab_of(const void* object) {
    Frame* f = frame_of(object);
    return f->use == FrameUse::slab_rest ? f->slab_head : f;
}

void put_batch(unsigned c, void* const* objects, unsigned n, unsigned keep_empty = 1) {
    const Shape& shape = tables.shape[c];
    Frame* gone = nullptr; // chained by slab.next
    {
        auto to = slabs[c].lock();
        for (unsigned i = 0; i < n; i++) {
            Frame* f = slab_of(objects[i]);
            set_next_left(objects[i], f->slab.first_left);
            f->slab.first_left = static_cast<u16>(index_of(f, shape, objects[i]));
            if (f->slab.objects_left++ == 0) to->link(f);
            if (f->slab.objects_left == shape.objects) to->empty++;
        }
        for (Frame* f = to->partial; f && to->empty > keep_empty;) {
            Frame* next = f->slab.next;
            if (f->slab.objects_left == shape.objects) {
                to->unlink(f);
                to->empty--;
                f->slab.next = gone;
                gone = f;
            }
            f = next;
        }
    }
    while (gone) destroy_slab(std::exchange(gone, gone->slab.next));
}

/// The magazine is empty: half of it is filled from the slabs.
[[gnu::noinline]] void* take_from_slabs(unsigned c) {
    void* batch[most_cached / 2];
    unsigned got = get_batch(c, batch, tables.shape[c].cached / 2);
    if (!got) return nullptr;
    void* object = batch[--got];
    if (got) {
        auto heap = heaps[arch::cpu_id()].lock();
        Magazine& m = heap->magazines[c];
        while (got && m.count < tables.shape[c].cached) m.objects[m.count++] = batch[--got];
    }
    if (got) put_batch(c, batch, got);
    return object;
}

void* take_object(unsigned c) {
    {
        auto heap = heaps[arch::cpu_id()].lock();
        Magazine& m = heap->magazines[c];
        if (m.count) return m.objects[--m.count];
    }
    return take_from_slabs(c);
}

/// The magazine is full: half of it goes to the slabs.
[[gnu::noinline]] void give_to_slabs(unsigned c, void* object) {
    void* batch[most_cached / 2 + 1];
    unsigned n = 0;
    batch[n++] = object;
    {
        auto heap = heaps[arch::cpu_id()].lock();
        Magazine& m = heap->magazines[c];
        while (n <= tables.shape[c].cached / 2u && m.count) batch[n++] = m.objects[--m.count];
    }
    put_batch(c, batch, n);
}

void give_object(unsigned c, void* object) {
    {
        auto heap = heaps[arch::cpu_id()].lock();
        Magazine& m = heap->magazines[c];
        if (m.count < tables.shape[c].cached) {
            m.objects[m.count++] = object;
            return;
        }
    }
    give_to_slabs(c, object);
}

[[gnu::noinline]] void* allocate_frames(usize size) {
    if (size > page_size << max_order) return nullptr;
    unsigned order = static_cast<unsigned>(std::bit_width((size - 1) >> page_shift));
    auto frame = allocate_frame(FrameUse::large, Fill::nothing, order);
    return frame ? frame->release()->data() : nullptr;
}

/// The object's bytes on `to`'s bill instead of the last user's. err::nomem: its limit.
[[gnu::noinline]] Result<> change_payer(u16 from, MemoryAccount& to, const Shape& shape) {
    TRY(to.charge(shape.charged));
    if (from != uncharged) MemoryAccount::at(from & ~idle & 0xffff).uncharge(shape.charged);
    return {};
}

[[noreturn, gnu::noinline, gnu::cold]] void bad_release(const void* object, std::string_view why) {
    panic("heap: {:#x} {}", reinterpret_cast<uptr>(object), why);
}
} // namespace

void* allocate_object(usize size, usize align) {
    if (failures::due()) return nullptr;
    if (size > largest || align > largest) return allocate_frames(size > align ? size : align);
    unsigned c = tables.class_of[(size + 15) / 16];
    if (align > 16) [[unlikely]] // slabs start on a page: objects are as aligned as their size
        while (class_sizes[c] & (align - 1)) c++;
    const Shape& shape = tables.shape[c];
    MemoryAccount& account = MemoryAccount::current();
    void* object = take_object(c);
    if (!object) return nullptr;
    u16& payer = payer_of(shape, object);
    if (payer != (account.index() | idle) && !change_payer(payer, account, shape)) {
        give_object(c, object);
        return nullptr;
    }
    payer = account.index();
    kasan::poison(object, shape.size, kasan::Poison::redzone);
    kasan::unpoison(object, size);
    return object;
}

void release_object(void* object) {
    if (!object) return;
    Frame* f = frame_of(object);
    if (!f) bad_release(object, "was never allocated");
    if (f->use == FrameUse::large) return drop_frame(f);
    if (f->use == FrameUse::slab_rest) f = f->slab_head;
    if (f->use != FrameUse::slab) bad_release(object, "is not an object");
    unsigned c = f->slab.size_class;
    const Shape& shape = tables.shape[c];
    u16& payer = payer_of(shape, object);
    if (payer & idle) bad_release(object, "is freed twice");
    payer |= idle;
    kasan::poison(object, shape.size, kasan::Poison::freed);
    give_object(c, object);
}

void drain_heap() {
    for (unsigned c = 0; c < classes; c++) {
        for (auto& guarded : heaps) {
            Magazine copy;
            {
                auto heap = guarded.lock();
                copy = heap->magazines[c];
                heap->magazines[c].count = 0;
            }
            put_batch(c, copy.objects, copy.count, 0);
        }
    }
}

void settle_idle_objects() {
    constexpr unsigned most_slabs = 64; // of a size: those that were used last, and a short time with the lock
    drain_heap();
    for (unsigned c = 0; c < classes; c++) {
        const Shape& shape = tables.shape[c];
        Refund refund{shape.charged};
        auto from = slabs[c].lock();
        unsigned n = 0;
        for (Frame* f = from->partial; f && n < most_slabs; f = f->slab.next, n++) {
            u16 i = f->slab.first_left;
            for (unsigned left = f->slab.objects_left; left; left--) {
                u16& payer = accounts_of(f, shape)[i];
                if (payer != uncharged && MemoryAccount::at(payer & ~idle & 0xffff).closed()) refund.add(payer);
                i = next_left(object_at(f, shape, i));
            }
        }
    }
}
} // namespace mm

#if !RUNDLET_HOST // the host's tests keep the host's heap
const std::nothrow_t std::nothrow{};

static constexpr usize natural = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
void* operator new(usize n, const std::nothrow_t&) noexcept { return mm::allocate_object(n, natural); }
void* operator new[](usize n, const std::nothrow_t&) noexcept { return mm::allocate_object(n, natural); }
void* operator new(usize n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return mm::allocate_object(n, static_cast<usize>(a));
}
void* operator new[](usize n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return mm::allocate_object(n, static_cast<usize>(a));
}
void operator delete(void* p) noexcept { mm::release_object(p); }
void operator delete[](void* p) noexcept { mm::release_object(p); }
void operator delete(void* p, usize) noexcept { mm::release_object(p); }
void operator delete[](void* p, usize) noexcept { mm::release_object(p); }
void operator delete(void* p, std::align_val_t) noexcept { mm::release_object(p); }
void operator delete[](void* p, std::align_val_t) noexcept { mm::release_object(p); }
void operator delete(void* p, usize, std::align_val_t) noexcept { mm::release_object(p); }
void operator delete[](void* p, usize, std::align_val_t) noexcept { mm::release_object(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { mm::release_object(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { mm::release_object(p); }
#endif
