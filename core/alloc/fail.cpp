#include "core/alloc/fail.h"
#include "core/alloc/account.h"
#include "core/cpu/thread_base.h"
#include <atomic>

#if RUNDLET_CHECK && !RUNDLET_HOST
namespace failures {
namespace {
constinit std::atomic<const void*> whose = nullptr;
constinit std::atomic<u32> count;
constinit std::atomic<bool> fired;
constinit std::atomic<u32> one_in;
constinit std::atomic<u64> asked;

bool due_at_random() {
    u32 n = one_in.load(std::memory_order_relaxed);
    auto* thread = ThreadBase::running();
    if (!n || !thread || thread->account == &MemoryAccount::kernel()) return false;
    u64 x = asked.fetch_add(0x9e37'79b9'7f4a'7c15, std::memory_order_relaxed); // splitmix64
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    return (x ^ x >> 31) % n == 0;
}
} // namespace

void set_rate(u32 n) { one_in = n; }
u32 rate() { return one_in; }

void set(u32 n) {
    count = n;
    fired = false;
    whose = n ? arch::current_thread() : nullptr;
}
u32 left() { return whose.load() ? count.load() : 0; }
bool due() {
    if (due_at_random()) return true;
    const void* thread = whose.load(std::memory_order_relaxed);
    if (!thread || thread != arch::current_thread() || count.fetch_sub(1) != 1) return false;
    whose = nullptr;
    fired = true;
    return true;
}
void thread_ends() {
    if (whose.load() == arch::current_thread()) whose = nullptr;
}
bool take_fired() { return fired.exchange(false) || one_in.load(std::memory_order_relaxed); }
} // namespace failures
#endif
