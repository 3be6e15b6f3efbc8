#include "core/check/fail.h"
#include "arch/api/cpu.h"
#include <atomic>

#if RUNDLET_CHECK && !RUNDLET_HOST
namespace failures {
namespace {
constinit std::atomic<const void*> whose = nullptr;
constinit std::atomic<u32> count;
constinit std::atomic<bool> fired;
} // namespace

void set(u32 n) {
    count = n;
    fired = false;
    whose = n ? arch::current_thread() : nullptr;
}
u32 left() { return whose.load() ? count.load() : 0; }
bool due() {
    const void* thread = whose.load(std::memory_order_relaxed);
    if (!thread || thread != arch::current_thread() || count.fetch_sub(1) != 1) return false;
    whose = nullptr;
    fired = true;
    return true;
}
void thread_ends() {
    if (whose.load() == arch::current_thread()) whose = nullptr;
}
bool take_fired() { return fired.exchange(false); }
} // namespace failures
#endif
