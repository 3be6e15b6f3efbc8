// What core/ and arch/ give the tested code, made from the host's own means.
#include "core/alloc/frame_pool.h"
#include "core/check/kasan.h"
#include "core/check/panic.h"
#include "core/log/log.h"
#include "core/sync/lock.h"
#include "core/time/timer_queue.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

void panic_at(const arch::TrapFrame*, std::string_view cause) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(cause.size()), cause.data());
    std::abort();
}
log_detail::Line::~Line() {}
void log_detail::Line::write(std::string_view) {}

namespace lockdep {
static thread_local std::vector<std::pair<Rank, const void*>> held;
void will_take(Rank rank, const void* lock, std::source_location at) {
    for (auto& [taken, _] : held)
        if (taken >= rank) panic("lock order at {}:{}", at.file_name(), at.line());
    held.emplace_back(rank, lock);
}
void dropped(Rank, const void* lock) {
    std::erase_if(held, [&](auto& h) { return h.second == lock; });
}
static bool spins() {
    return std::ranges::any_of(held, [](auto& h) { return h.first >= Rank::page_table; });
}
void might_sleep(std::source_location at) {
    if (spins() || !arch::irqs_enabled()) panic("sleep under a spinlock at {}:{}", at.file_name(), at.line());
}
void preempts() {
    if (spins()) panic("a thread is preempted with a spinlock held");
}
} // namespace lockdep

void mm::drain_stacks() {}

// The host's own sanitizers watch.
void kasan::poison(const void*, usize, Poison) {}
void kasan::unpoison(const void*, usize) {}

/// All of the tests' memory and the clocks, once for the process.
static const int memory_ready = [] {
    static constexpr arch::MemoryRange ranges[] = {{64 * KiB, 640 * KiB}, {1 * MiB, arch::host_memory}};
    arch::BootInfo boot;
    boot.free_memory = ranges;
    mm::init_frames(boot);
    clocks::init();
    timers::init();
    return 0;
}();
