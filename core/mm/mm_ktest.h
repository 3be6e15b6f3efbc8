// What the tests of address spaces share.
#pragma once
#include "arch/api/user_copy.h"
#include "core/alloc/frame_pool.h"
#include "core/mm/address_space.h"
#include "core/sched/thread.h"

namespace mm_ktest {
inline constexpr auto rw = arch::page_read | arch::page_write;

/// A space that the test's thread runs in, for a scope.
struct InSpace {
    Ref<AddressSpace> space;
    AddressSpace* before = AddressSpace::of(Thread::current());
    InSpace() {
        if (auto made = AddressSpace::create()) space = std::move(*made);
        AddressSpace::use(space.get());
    }
    ~InSpace() { AddressSpace::use(before); }
    AddressSpace* operator->() { return space.get(); }
    uptr map(usize size, arch::PageFlags access = rw, bool shared = false) {
        return space->map({.size = size, .access = access, .shared = shared}).value_or(0);
    }
};

inline u64 peek(AddressSpace& space, uptr at) {
    u64 value = ~u64{0};
    return space.read_memory(at, std::as_writable_bytes(std::span{&value, 1})) == sizeof value ? value : ~u64{0};
}
inline bool poke(uptr at, u64 value) { return arch::copy_out(at, &value, sizeof value).has_value(); }
inline u64 look(uptr at) {
    u64 value = 0;
    return arch::copy_in(&value, at, sizeof value) ? value : ~u64{0};
}
/// Closes an account; what is charged to it still, but for free objects of slabs that others keep.
inline u64 left_on(MemoryAccount& account) {
    account.close();
    mm::settle_idle_objects();
    return account.used();
}
inline u64 free_now() {
    mm::drain_caches();
    return mm::memory_info().free;
}
} // namespace mm_ktest
