// What core/ and arch/ give the tested code, made from the host's own means.
#include "core/alloc/frame_pool.h"
#include "core/check/kasan.h"
#include "core/check/panic.h"
#include "core/check/report.h"
#include "core/log/log.h"
#include "core/time/timer_queue.h"
#include <cstdio>
#include <cstdlib>

void panic_at(const arch::TrapFrame*, std::string_view cause) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(cause.size()), cause.data());
    std::abort();
}
log_detail::Line::~Line() {}
void log_detail::Line::write(std::string_view) {}

/// The order of locks is checked as in the kernel; here a mistake ends the process.
void check::report(std::string_view what, std::string_view text, uptr, uptr, uptr) { panic("{}: {}", what, text); }

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
