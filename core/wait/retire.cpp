#include "core/wait/retire.h"
#include "core/sched/thread.h"
#include "core/sync/epoch.h"
#include "core/sync/lock.h"
#include <new>
#include <utility>

namespace epoch {
namespace {
/// What came while somebody read, and the CPUs that have not been seen outside since. Two of them: those that wait, and
/// those that came later.
struct Batch {
    static constexpr unsigned capacity = 128;
    unsigned count = 0;
    u32 cpus = 0;
    void* memory[capacity];
};
struct Batches {
    Batch waiting, later;
};
constinit Guarded<Batches, Spinlock<Rank::retired>> batches;
constinit std::atomic<unsigned> held_back = 0;

u32 cpus_inside() {
    // Pairs with the increment in Reading: either we see the reader, or it does not see what was taken out.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    u32 inside = 0;
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++)
        if (readers[cpu].inside.load(std::memory_order_seq_cst)) inside |= 1u << cpu;
    return inside;
}

/// Frees what no reader sees any more.
void collect() {
    Batch free;
    {
        auto b = batches.lock();
        u32 inside = cpus_inside();
        b->waiting.cpus &= inside;
        if (b->waiting.cpus == 0) {
            free.count = std::exchange(b->waiting.count, 0);
            for (unsigned i = 0; i < free.count; i++) free.memory[i] = b->waiting.memory[i];
            std::swap(b->waiting.count, b->later.count);
            for (unsigned i = 0; i < b->waiting.count; i++) b->waiting.memory[i] = b->later.memory[i];
            b->waiting.cpus = inside;
        }
    }
    held_back.fetch_sub(free.count, std::memory_order_relaxed);
    for (unsigned i = 0; i < free.count; i++) ::operator delete(free.memory[i]);
}

bool hold_back(void* memory) {
    auto b = batches.lock();
    if (b->later.count == Batch::capacity) return false;
    b->later.memory[b->later.count++] = memory;
    held_back.fetch_add(1, std::memory_order_relaxed);
    return true;
}
} // namespace

void retire(void* memory) {
    lockdep::might_sleep(std::source_location::current()); // nobody who reads may wait for a lock of the caller's
    if (cpus_inside() == 0) {
        ::operator delete(memory);
        if (held_back.load(std::memory_order_relaxed)) [[unlikely]]
            collect();
        return;
    }
    while (!hold_back(memory)) {
        collect();
        sched::yield(); // a reader that was moved before it was counted may wait for this CPU
    }
    collect();
}
} // namespace epoch
