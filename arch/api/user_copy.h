// The only functions that touch user memory; a fault inside any becomes err::fault. They check the range themselves.
// A fault on a page that can be made present (demand paging, copy-on-write) is resolved and the copy goes on,
// so the caller must not hold a Spinlock, nor the address space's lock.
#pragma once
#include "lib/result.h"
#include "lib/types.h"

namespace arch {
Result<> copy_in(void* to, uptr from, usize n);
Result<> copy_out(uptr to, const void* from, usize n);
/// As many bytes as could be moved: the rest is err::fault's. For transfers where a part counts.
usize copy_in_partial(void* to, uptr from, usize n);
usize copy_out_partial(uptr to, const void* from, usize n);
Result<> clear_user(uptr to, usize n);
/// Copies up to and without the null byte. err::fault; err::nametoolong when no null stands in the first n bytes.
Result<usize> copy_string_in(char* to, uptr from, usize n);
/// Atomic accesses for futexes and robust lists: a 32-bit word, aligned by the caller.
Result<u32> load_user(uptr from);
Result<u32> compare_exchange_user(uptr at, u32 expected, u32 desired); // returns what was there
/// Atomically *at = op(*at); returns the old value. For FUTEX_WAKE_OP.
enum class AtomicOp { set, add, bit_or, and_not, bit_xor };
Result<u32> fetch_op_user(uptr at, AtomicOp, u32 operand);
} // namespace arch
