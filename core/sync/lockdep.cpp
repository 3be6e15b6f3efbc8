// The check of the lock order: what each thread (mutexes) and each CPU (spinlocks) holds, and reports that name both
// places.
#include "core/check/panic.h"
#include "core/check/report.h"
#include "core/cpu/thread_base.h"
#include "core/sync/rank.h"

#if RUNDLET_CHECK
namespace lockdep {
namespace {
constinit HeldLocks held_spinlocks[arch::max_cpus]{}; // each touched by its own CPU, with interrupts off

bool spins(Rank rank) { return rank >= Rank::page_table; }

HeldLocks* held_for(Rank rank) {
    if (spins(rank)) return &held_spinlocks[arch::cpu_id()];
    auto* thread = ThreadBase::running();
    return thread ? &thread->held_mutexes : nullptr;
}

std::string_view file_name(const std::source_location& at) {
    std::string_view name = at.file_name();
    return name.substr(name.rfind('/') + 1);
}

/// A wrong order is reported, once per pair of places, and the kernel goes on: most of the time nobody comes from the
/// other side just then, and what else is wrong is seen too.
[[gnu::noinline]] void check_order(const HeldLocks& held, Rank rank, bool second, const std::source_location& at) {
    for (unsigned i = 0; i < held.count; i++)
        if (held.locks[i].rank > rank || (held.locks[i].rank == rank && !second)) {
            auto& before = held.locks[i];
            char text[200];
            BufferWriter out{text};
            print(out, "rank {} at {}:{} taken under rank {} of {}:{}", rank, file_name(at), at.line(), before.rank,
                  file_name(before.at), before.at.line());
            uptr pair = reinterpret_cast<uptr>(at.file_name()) ^ (uptr{at.line()} << 48 | uptr{before.at.line()} << 32);
            check::report("lock order", out.text(), reinterpret_cast<uptr>(__builtin_return_address(0)),
                          reinterpret_cast<uptr>(__builtin_frame_address(0)), pair);
            return;
        }
}

void add(HeldLocks& held, Rank rank, const void* lock, const std::source_location& at) {
    if (held.count == HeldLocks::max)
        panic("lock order: more than {} locks held at {}:{}", HeldLocks::max, file_name(at), at.line());
    held.locks[held.count++] = {lock, rank, at};
}

void check_and_add(Rank rank, const void* lock, bool second, const std::source_location& at) {
    HeldLocks* held = held_for(rank);
    if (!held) return;
    check_order(*held, rank, second, at); // a spinlock above a mutex: might_sleep() finds interrupts off
    add(*held, rank, lock, at);
}
} // namespace

void will_take(Rank rank, const void* lock, std::source_location at) { check_and_add(rank, lock, false, at); }
void will_take_second(Rank rank, const void* lock, std::source_location at) { check_and_add(rank, lock, true, at); }
void has_taken(Rank rank, const void* lock, std::source_location at) {
    if (HeldLocks* held = held_for(rank)) add(*held, rank, lock, at);
}

void dropped(Rank rank, const void* lock) {
    HeldLocks* held = held_for(rank);
    if (!held) return;
    for (unsigned i = held->count; i-- > 0;)
        if (held->locks[i].lock == lock) {
            for (held->count--; i < held->count; i++) held->locks[i] = held->locks[i + 1];
            return;
        }
    panic("lock order: rank {} dropped that is not held", rank);
}

void preempts() {
    const HeldLocks& held = held_spinlocks[arch::cpu_id()];
    if (held.count)
        panic("a thread is preempted with the spinlock of {}:{} held", file_name(held.locks[0].at),
              held.locks[0].at.line());
}

void might_sleep(std::source_location at) {
    if (!arch::irqs_enabled()) panic("sleep with interrupts off at {}:{}", file_name(at), at.line());
}
} // namespace lockdep
#endif
