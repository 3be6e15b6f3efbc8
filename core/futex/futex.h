// futex(2): threads that sleep on a word of user memory. The numbers of the operations and the decoding of timeouts are
// the ABI's. Threads of one address space, or any that share the object behind the word.
#pragma once
#include "core/wait/clock_set.h"
#include "lib/result.h"
#include "lib/types.h"
#include <optional>
#include <span>

namespace futex {
inline constexpr u32 any_bit = ~u32{0};

/// A word of user memory, 4-byte aligned (else err::inval), in the current address space.
struct Word {
    uptr address;
    bool shared; // not FUTEX_PRIVATE_FLAG: found by the object behind the address, and never by a private wake
};
using clocks::Moment;

/// Sleeps while *word == expected, until a wake() with a common bit. err::again: it differs; err::timedout;
/// err::restartsys: a signal; err::fault.
Result<> wait(Word, u32 expected, u32 bits, Moment until);
/// Wakes up to `count` sleepers; returns how many.
Result<usize> wake(Word, unsigned count, u32 bits = any_bit);
/// Wakes up to `wake_count` sleepers of `from` and moves up to `move_count` of the others to `to`; returns woken +
/// moved. err::again: *from is not `expected` (FUTEX_CMP_REQUEUE).
Result<usize> requeue(Word from, Word to, unsigned wake_count, unsigned move_count, std::optional<u32> expected);
/// FUTEX_WAKE_OP: *second = op(*second); wakes `count1` on `first`, and `count2` on `second` if the old value compares.
Result<usize> wake_op(Word first, Word second, unsigned count1, unsigned count2, u32 encoded);

/// FUTEX_LOCK_PI and its relatives. `tid` is the caller's number as user space knows it; `owner_alive(tid)` tells
/// whether the thread that the word names exists; err::srch if not, with FUTEX_WAITERS set in the word as on Linux.
/// Ownership is handed to the longest waiter; priorities are not inherited.
using OwnerAlive = bool (*)(u32 tid);
Result<> lock_pi(Word, u32 tid, Moment until, OwnerAlive);
Result<> try_lock_pi(Word, u32 tid, OwnerAlive);
Result<> unlock_pi(Word, u32 tid);
/// The word at a user address is a robust PI futex whose owner died (FUTEX_OWNER_DIED is set in it already): gives it
/// to the next waiter.
void owner_died_pi(uptr address);

struct WaitvEntry {
    Word word;
    u32 expected;
};
/// futex_waitv(2): sleeps on all; returns the index of one that was woken. At most 128 entries.
Result<usize> wait_any(std::span<const WaitvEntry>, Moment until);
} // namespace futex
