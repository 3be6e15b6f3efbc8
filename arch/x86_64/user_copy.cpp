// The only code that touches user memory. Each access that may fault has an entry in the exception table.
#include "arch/api/user_copy.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"
#include "arch/x86_64/sites.h"
#include "arch/x86_64/user_state.h"
#include <algorithm>

namespace x86 {
Result<> save_fpu_to_user(uptr to) {
    bool bad = true;
    auto* at = reinterpret_cast<u8*>(to);
    if (features.xsave) // reads its header's first word, too: cleared by the caller
        asm volatile(STAC "1: xsave64 (%[at])\n"
                          "3: orb $3, 512(%[at])\n" // who knows FXSAVE only may change x87 and SSE: as on Linux
                          "xor %k[bad], %k[bad]\n 2:" CLAC FIXUP(1b, 2b) FIXUP(3b, 2b)
                     : [bad] "+r"(bad)
                     : [at] "r"(at), "a"(~0u), "d"(~0u)
                     : "memory");
    else
        asm volatile(STAC "1: fxsave64 (%[at])\n xor %k[bad], %k[bad]\n 2:" CLAC FIXUP(1b, 2b)
                     : [bad] "+r"(bad)
                     : [at] "r"(at)
                     : "memory");
    if (bad) return err::fault;
    return {};
}

Result<> load_fpu_from_user(uptr from, std::optional<u64> components) {
    bool bad = true;
    if (components)
        asm volatile(STAC "1: xrstor64 (%[at])\n xor %k[bad], %k[bad]\n 2:" CLAC FIXUP(1b, 2b)
                     : [bad] "+r"(bad)
                     : [at] "r"(from), "a"(static_cast<u32>(*components)), "d"(0)
                     : "memory");
    else
        asm volatile(STAC "1: fxrstor64 (%[at])\n xor %k[bad], %k[bad]\n 2:" CLAC FIXUP(1b, 2b)
                     : [bad] "+r"(bad)
                     : [at] "r"(from)
                     : "memory");
    if (bad) return err::fault;
    return {};
}
} // namespace x86

namespace arch {
namespace {
bool in_user_space(uptr address, usize n) { return n <= user_top && address <= user_top - n; }

/// Returns how many bytes could not be moved. After a fault in the words the bytes up to it are still moved one by one.
usize move(void* to, const void* from, usize n) {
    usize words = n / 8, left = n & 7;
    asm volatile(STAC "1: rep movsq\n"
                      "mov %[left], %[words]\n"
                      "2: rep movsb\n"
                      "3:" CLAC ".pushsection .text.unlikely, \"ax\"\n"
                      "4: lea (%[left], %[words], 8), %[words]\n"
                      "jmp 2b\n"
                      ".popsection\n" FIXUP(1b, 4b) FIXUP(2b, 3b)
                 : "+D"(to), "+S"(from), [words] "+c"(words), [left] "+r"(left)
                 :
                 : "memory");
    return words;
}
usize clear(void* to, usize n) {
    usize words = n / 8, left = n & 7;
    asm volatile(STAC "1: rep stosq\n"
                      "mov %[left], %[words]\n"
                      "2: rep stosb\n"
                      "3:" CLAC ".pushsection .text.unlikely, \"ax\"\n"
                      "4: lea (%[left], %[words], 8), %[words]\n"
                      "jmp 2b\n"
                      ".popsection\n" FIXUP(1b, 4b) FIXUP(2b, 3b)
                 : "+D"(to), [words] "+c"(words), [left] "+r"(left)
                 : "a"(0)
                 : "memory");
    return words;
}

template <class T>
bool load(T& value, uptr from) {
    bool bad = true;
    T got;
    asm volatile(STAC "1: mov %[from], %[value]\n xor %k[bad], %k[bad]\n 2:" CLAC FIXUP(1b, 2b)
                 : [value] "=&r"(got), [bad] "+r"(bad)
                 : [from] "m"(*reinterpret_cast<const T*>(from))
                 : "memory");
    value = got;
    return !bad;
}
} // namespace

usize copy_in_partial(void* to, uptr from, usize n) {
    // What lies below the end of user space may still be moved.
    if (from >= user_top) return 0;
    n = std::min(n, user_top - from);
    return n - move(to, reinterpret_cast<const void*>(from), n);
}
usize copy_out_partial(uptr to, const void* from, usize n) {
    if (to >= user_top) return 0;
    n = std::min(n, user_top - to);
    return n - move(reinterpret_cast<void*>(to), from, n);
}
Result<> copy_in(void* to, uptr from, usize n) {
    if (in_user_space(from, n) && move(to, reinterpret_cast<const void*>(from), n) == 0) return {};
    return n ? Result<>{err::fault} : Result<>{}; // nothing may come from anywhere, as on Linux
}
Result<> copy_out(uptr to, const void* from, usize n) {
    if (in_user_space(to, n) && move(reinterpret_cast<void*>(to), from, n) == 0) return {};
    return n ? Result<>{err::fault} : Result<>{};
}
Result<> clear_user(uptr to, usize n) {
    if (!in_user_space(to, n) || clear(reinterpret_cast<void*>(to), n) != 0) return err::fault;
    return {};
}

Result<usize> copy_string_in(char* to, uptr from, usize n) {
    usize done = 0;
    while (done < n) {
        uptr at = from + done;
        if (at >= user_top) return err::fault;
        // A word within a page never crosses into one that the string does not reach.
        if ((at & (page_size - 1)) <= page_size - 8 && n - done >= 8) {
            u64 word;
            if (!load(word, at)) return err::fault;
            __builtin_memcpy(to + done, &word, 8);
            u64 zeros = (word - 0x0101010101010101) & ~word & 0x8080808080808080;
            if (zeros) return done + std::countr_zero(zeros) / 8;
            done += 8;
        } else {
            u8 byte;
            if (!load(byte, at)) return err::fault;
            to[done] = static_cast<char>(byte);
            if (byte == 0) return done;
            done++;
        }
    }
    return err::nametoolong;
}

Result<u32> load_user(uptr from) {
    u32 value;
    if (!in_user_space(from, 4) || !load(value, from)) return err::fault;
    return value;
}

Result<u32> compare_exchange_user(uptr at, u32 expected, u32 desired) {
    if (!in_user_space(at, 4)) return err::fault;
    bool bad = true;
    asm volatile(STAC "1: lock cmpxchg %[desired], %[at]\n mov $0, %b[bad]\n 2:" CLAC FIXUP(1b, 2b)
                 : "+a"(expected), [bad] "+q"(bad), [at] "+m"(*reinterpret_cast<u32*>(at))
                 : [desired] "r"(desired)
                 : "memory", "cc");
    if (bad) return err::fault;
    return expected;
}

Result<u32> fetch_op_user(uptr at, AtomicOp op, u32 operand) {
    u32 old = TRY(load_user(at));
    for (;;) {
        u32 next = 0;
        switch (op) {
        case AtomicOp::set: next = operand; break;
        case AtomicOp::add: next = old + operand; break;
        case AtomicOp::bit_or: next = old | operand; break;
        case AtomicOp::and_not: next = old & ~operand; break;
        case AtomicOp::bit_xor: next = old ^ operand; break;
        }
        u32 seen = TRY(compare_exchange_user(at, old, next));
        if (seen == old) return old;
        old = seen;
    }
}
} // namespace arch
