#include "core/check/stretch.h"
#include "arch/api/clock.h"
#include "arch/api/cpu.h"
#include "arch/api/machine.h"
#include "core/check/report.h"
#include "core/check/symbols.h"

#if RUNDLET_CHECK && !RUNDLET_HOST
namespace stretch {
namespace {
/// One kind of stretch on one CPU; only the CPU itself touches it.
struct Stretch {
    bool inside = false;
    u64 began = 0; // arch::counter()
    uptr from = 0; // who began it

    void begin(uptr at) {
        if (inside) return;
        inside = true;
        from = at;
        began = arch::counter();
    }
    u64 end() {
        if (!inside) return 0;
        inside = false;
        return arch::counter() - began;
    }
};
struct alignas(64) Stretches {
    Stretch off, reader;
    bool printing = false;
};
constinit Stretches stretches[arch::max_cpus];
constinit std::atomic<u64> limit_ns = 0; // 0: nobody watches
constinit std::atomic<u64> longest_off, longest_reader;
constexpr u64 least_ns = 50'000; // shorter ones are not worth a line

/// Prints what is longer than all before it; interrupts are off.
[[gnu::noinline]] void judge(u64 ticks, std::atomic<u64>& longest, std::string_view what, uptr from, uptr to,
                             uptr frame) {
    u64 ns = ticks * 1'000'000'000 / arch::counter_frequency(), before = longest.load(std::memory_order_relaxed);
    u64 limit = limit_ns.load(std::memory_order_relaxed);
    if (ns < least_ns || (ns <= before && ns <= limit)) return;
    Stretches& own = stretches[arch::cpu_id()];
    own.printing = true;
    char text[240];
    BufferWriter out{text};
    if (ns > before) {
        longest.store(ns, std::memory_order_relaxed);
        print(out, "stretch: {} {} us, {} to {}\n", what, ns / 1000, find_symbol(from).name, find_symbol(to).name);
        arch::console_write(out.text());
    }
    if (ns > limit) {
        BufferWriter again{text};
        print(again, "{} for {} us, since {}", what, ns / 1000, find_symbol(from).name);
        check::report("stretch", again.text(), to, frame);
    }
    own.printing = false;
}
} // namespace

void watch(u64 ns) { limit_ns = ns; }

#define HERE reinterpret_cast<uptr>(__builtin_return_address(0))
#define FRAME reinterpret_cast<uptr>(__builtin_frame_address(0))

void reader_enters() {
    if (!limit_ns.load(std::memory_order_relaxed)) return;
    bool were_on = arch::irqs_save();
    stretches[arch::cpu_id()].reader.begin(HERE);
    arch::irqs_restore(were_on);
}
void reader_leaves() {
    if (!limit_ns.load(std::memory_order_relaxed)) return;
    bool were_on = arch::irqs_save();
    Stretch& s = stretches[arch::cpu_id()].reader;
    if (u64 ticks = s.end()) judge(ticks, longest_reader, "a reader", s.from, HERE, FRAME);
    arch::irqs_restore(were_on);
}
} // namespace stretch

void upcall::irqs_went_off() {
    using namespace stretch;
    if (limit_ns.load(std::memory_order_relaxed)) stretches[arch::cpu_id()].off.begin(HERE);
}
void upcall::irqs_go_on() {
    using namespace stretch;
    Stretches& own = stretches[arch::cpu_id()];
    if (!own.off.inside || own.printing) return;
    if (u64 ticks = own.off.end()) judge(ticks, longest_off, "interrupts off", own.off.from, HERE, FRAME);
}
#endif
