// User copies: the checks around user_copy.S.
#include "arch/api/user_copy.h"
#include "arch/api/frame.h"

namespace {
struct Word {
    u64 value, failed;
};
} // namespace

extern "C" {
usize user_copy(void* to, const void* from, usize n);
usize user_clear(void* to, usize n);
i64 user_string(char* to, const char* from, usize n);
Word user_load(uptr from);
Word user_swap(uptr at, u32 operand);
Word user_add(uptr at, u32 operand);
Word user_or(uptr at, u32 operand);
Word user_and(uptr at, u32 operand);
Word user_xor(uptr at, u32 operand);
Word user_compare_exchange(uptr at, u32 expected, u32 desired);
}

namespace arch {
namespace {
bool in_user_space(uptr at, usize n) { return n <= user_top && at <= user_top - n; }
/// How much of n bytes from `at` lies in user space.
usize clip(uptr at, usize n) { return at >= user_top ? 0 : n < user_top - at ? n : user_top - at; }

Result<u32> word(Word w) {
    if (w.failed) return err::fault;
    return static_cast<u32>(w.value);
}
} // namespace

Result<> copy_in(void* to, uptr from, usize n) {
    if (in_user_space(from, n) && user_copy(to, reinterpret_cast<const void*>(from), n) == 0) return {};
    return n ? Result<>{err::fault} : Result<>{}; // nothing may come from anywhere, as on Linux
}

Result<> copy_out(uptr to, const void* from, usize n) {
    if (in_user_space(to, n) && user_copy(reinterpret_cast<void*>(to), from, n) == 0) return {};
    return n ? Result<>{err::fault} : Result<>{};
}

usize copy_in_partial(void* to, uptr from, usize n) {
    n = clip(from, n);
    return n - user_copy(to, reinterpret_cast<const void*>(from), n);
}

usize copy_out_partial(uptr to, const void* from, usize n) {
    n = clip(to, n);
    return n - user_copy(reinterpret_cast<void*>(to), from, n);
}

Result<> clear_user(uptr to, usize n) {
    if (!in_user_space(to, n) || user_clear(reinterpret_cast<void*>(to), n) != 0) return err::fault;
    return {};
}

Result<usize> copy_string_in(char* to, uptr from, usize n) {
    usize reach = clip(from, n);
    i64 length = user_string(to, reinterpret_cast<const char*>(from), reach);
    if (length < 0) return err::fault;
    if (static_cast<usize>(length) < reach) return static_cast<usize>(length);
    if (reach < n) return err::fault; // ran into the end of user space
    return err::nametoolong;
}

Result<u32> load_user(uptr from) {
    if (!in_user_space(from, sizeof(u32))) return err::fault;
    return word(user_load(from));
}

Result<u32> compare_exchange_user(uptr at, u32 expected, u32 desired) {
    if (!in_user_space(at, sizeof(u32))) return err::fault;
    return word(user_compare_exchange(at, expected, desired));
}

Result<u32> fetch_op_user(uptr at, AtomicOp op, u32 operand) {
    if (!in_user_space(at, sizeof(u32))) return err::fault;
    switch (op) {
    case AtomicOp::set: return word(user_swap(at, operand));
    case AtomicOp::add: return word(user_add(at, operand));
    case AtomicOp::bit_or: return word(user_or(at, operand));
    case AtomicOp::and_not: return word(user_and(at, ~operand));
    case AtomicOp::bit_xor: return word(user_xor(at, operand));
    }
    return err::nosys;
}
} // namespace arch
