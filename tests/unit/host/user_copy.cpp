// arch/api/user_copy.h for the host: every address of the test's own is user memory; null is not mapped.
#include "arch/api/user_copy.h"
#include "core/sched/thread.h"
#include "user_memory.h"
#include <cstring>

namespace {
/// Where a fault is due.
std::atomic<uptr> absent = 0;
/// The word at an address as user code sees it.
Result<u32*> word(uptr at) {
    if (!at) return err::fault;
    if (at == absent.load(std::memory_order_relaxed)) {
        if (Thread::current().faults_disabled) return err::fault;
        absent.store(0, std::memory_order_relaxed);
    }
    return reinterpret_cast<u32*>(at);
}
} // namespace

void host::make_absent(const void* at) { absent.store(reinterpret_cast<uptr>(at), std::memory_order_relaxed); }

namespace arch {
usize copy_in_partial(void* to, uptr from, usize n) {
    if (!from) return 0;
    std::memcpy(to, reinterpret_cast<const void*>(from), n);
    return n;
}
usize copy_out_partial(uptr to, const void* from, usize n) {
    if (!to) return 0;
    std::memcpy(reinterpret_cast<void*>(to), from, n);
    return n;
}
Result<> clear_user(uptr to, usize n) {
    if (!to) return err::fault;
    std::memset(reinterpret_cast<void*>(to), 0, n);
    return {};
}
Result<> copy_in(void* to, uptr from, usize n) {
    if (copy_in_partial(to, from, n) != n) return err::fault;
    return {};
}
Result<> copy_out(uptr to, const void* from, usize n) {
    if (copy_out_partial(to, from, n) != n) return err::fault;
    return {};
}

Result<u32> load_user(uptr from) { return __atomic_load_n(TRY(word(from)), __ATOMIC_SEQ_CST); }
Result<u32> compare_exchange_user(uptr at, u32 expected, u32 desired) {
    __atomic_compare_exchange_n(TRY(word(at)), &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
Result<u32> fetch_op_user(uptr at, AtomicOp op, u32 operand) {
    u32* to = TRY(word(at));
    switch (op) {
    case AtomicOp::set: return __atomic_exchange_n(to, operand, __ATOMIC_SEQ_CST);
    case AtomicOp::add: return __atomic_fetch_add(to, operand, __ATOMIC_SEQ_CST);
    case AtomicOp::bit_or: return __atomic_fetch_or(to, operand, __ATOMIC_SEQ_CST);
    case AtomicOp::and_not: return __atomic_fetch_and(to, ~operand, __ATOMIC_SEQ_CST);
    default: return __atomic_fetch_xor(to, operand, __ATOMIC_SEQ_CST);
    }
}
} // namespace arch
