#include "core/check/report.h"
#include "arch/api/cpu.h"
#include "arch/api/machine.h"
#include "core/check/symbols.h"
#include <atomic>

namespace check {
namespace {
constinit std::atomic<u64> count;
constinit std::atomic<uptr> known[256];
constinit std::atomic<bool> printing;

/// True the first time, and always for places that the full table does not know.
bool first_time(uptr place) {
    for (auto& slot : known) {
        uptr empty = 0;
        if (slot.load(std::memory_order_relaxed) == place) return false;
        if (slot.compare_exchange_strong(empty, place, std::memory_order_relaxed)) return true;
        if (empty == place) return false;
    }
    return true;
}

} // namespace

void Console::write(std::string_view s) { arch::console_write(s); }

u64 reports() { return count.load(std::memory_order_relaxed); }

void report(std::string_view what, std::string_view text, uptr at, uptr frame_pointer, uptr place) {
    count.fetch_add(1, std::memory_order_relaxed);
    if (!first_time(place ? place : at)) return;
    bool were_on = arch::irqs_save();
    while (printing.exchange(true, std::memory_order_acquire)) arch::pause();
    char text_of_line[240];
    BufferWriter line{text_of_line};
    print(line, "\nBUG: {}: {}\n", what, text);
    Console out;
    out.write(line.text());
    print_symbol(out, at);
    uptr callers[16];
    usize n = arch::backtrace(callers, frame_pointer);
    for (usize i = 0; i < n; i++)
        if (callers[i] != at) print_symbol(out, callers[i]);
    printing.store(false, std::memory_order_release);
    arch::irqs_restore(were_on);
}
} // namespace check
