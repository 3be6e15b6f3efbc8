#include "core/check/kasan.h"
#include "arch/api/machine.h"
#include "core/check/report.h"
#include <cstring>

#if RUNDLET_CHECK
namespace {
/// End of the direct map's part that has a shadow; 0 before the machine is known.
uptr shadowed_end() {
    static uptr end = 0;
    if (!end && arch::boot_info().memory_end) end = arch::direct_map + arch::boot_info().memory_end;
    return end;
}
bool has_shadow(uptr p) { return p >= arch::direct_map && p < shadowed_end(); }
u8* shadow_of(uptr p) { return reinterpret_cast<u8*>(arch::shadow_start + ((p - arch::direct_map) >> 3)); }

/// The first byte of [p, p + n) that may not be used, or 0.
uptr first_bad(uptr p, usize n) {
    for (uptr at = p & ~uptr{7}; at < p + n; at += 8) {
        u8 s = *shadow_of(at);
        if (s == 0) continue;
        uptr good_end = s < 8 ? at + s : at;
        uptr last = p + n < at + 8 ? p + n : at + 8;
        if (last > good_end) return good_end > p ? good_end : p;
    }
    return 0;
}

std::string_view describe(u8 shadow) {
    switch (static_cast<kasan::Poison>(shadow)) {
    case kasan::Poison::freed: return "a freed object";
    case kasan::Poison::free_frame: return "a free frame";
    default: return "beyond the end of an object";
    }
}

[[gnu::noinline]] void complain(uptr p, usize n, bool write, uptr at, uptr frame) {
    uptr bad = first_bad(p, n);
    char text[160];
    BufferWriter out{text};
    print(out, "{} of {} bytes at {:#x}: {:#x} is {}", write ? "write" : "read", n, p, bad, describe(*shadow_of(bad)));
    check::report("KASan", out.text(), at, frame);
}

inline void check_access(uptr p, usize n, bool write, uptr at, uptr frame) {
    if (n == 0 || !has_shadow(p) || !has_shadow(p + n - 1)) return;
    if (!first_bad(p, n)) [[likely]]
        return;
    complain(p, n, write, at, frame);
}
} // namespace

namespace kasan {
void poison(const void* p, usize n, Poison why) {
    uptr at = reinterpret_cast<uptr>(p);
    if (n == 0 || !has_shadow(at)) return;
    std::memset(shadow_of(at), static_cast<u8>(why), (n + 7) / 8);
}
void unpoison(const void* p, usize n) {
    uptr at = reinterpret_cast<uptr>(p);
    if (n == 0 || !has_shadow(at)) return;
    std::memset(shadow_of(at), 0, n / 8);
    if (n & 7) *shadow_of(at + n) = n & 7;
}
} // namespace kasan

#define HERE reinterpret_cast<uptr>(__builtin_return_address(0)), reinterpret_cast<uptr>(__builtin_frame_address(0))
#define ACCESS(n)                                                                                                      \
    void __asan_load##n##_noabort(uptr p) { check_access(p, n, false, HERE); }                                         \
    void __asan_store##n##_noabort(uptr p) { check_access(p, n, true, HERE); }
extern "C" {
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
void __asan_loadN_noabort(uptr p, usize n) { check_access(p, n, false, HERE); }
void __asan_storeN_noabort(uptr p, usize n) { check_access(p, n, true, HERE); }
void __asan_handle_no_return() {}

void* __asan_memcpy(void* to, const void* from, usize n) {
    check_access(reinterpret_cast<uptr>(from), n, false, HERE);
    check_access(reinterpret_cast<uptr>(to), n, true, HERE);
    return std::memcpy(to, from, n);
}
void* __asan_memmove(void* to, const void* from, usize n) {
    check_access(reinterpret_cast<uptr>(from), n, false, HERE);
    check_access(reinterpret_cast<uptr>(to), n, true, HERE);
    return std::memmove(to, from, n);
}
void* __asan_memset(void* to, int value, usize n) {
    check_access(reinterpret_cast<uptr>(to), n, true, HERE);
    return std::memset(to, value, n);
}
}
#endif
