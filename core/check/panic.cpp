#include "core/check/panic.h"
#include "arch/api/machine.h"
#include "arch/api/upcalls.h"
#include "core/check/report.h"
#include "core/check/symbols.h"
#include "core/cpu/thread_base.h"

namespace {
constexpr unsigned failing_status = 134; // as a program that aborts

void print_backtrace(Writer& out, uptr frame_pointer, uptr first) {
    uptr addresses[32];
    usize n = arch::backtrace(addresses, frame_pointer);
    print(out, "backtrace:\n");
    if (first) print_symbol(out, first);
    for (usize i = 0; i < n; i++) print_symbol(out, addresses[i]);
}

constinit std::atomic<unsigned> panics = 0;
} // namespace

bool panicking() { return panics.load(std::memory_order_relaxed) != 0; }

void panic_at(const arch::TrapFrame* frame, std::string_view cause) {
    arch::irqs_off();
    check::Console out;
    unsigned before = panics.fetch_add(1, std::memory_order_relaxed);
    if (before >= 8) arch::power_off(failing_status);
    if (before == 0)
        arch::stop_other_cpus();
    else
        print(out, "\n(panic within a panic)");
    auto* thread = ThreadBase::running();
    print(out, "\npanic: {}\n", cause);
    print(out, "cpu {}, thread \"{}\"\n", arch::cpu_id(), thread ? thread->name.view() : std::string_view{"none"});
    if (frame && before < 2) frame->print(out);
    if (before < 2) print_backtrace(out, frame ? frame->frame_pointer() : 0, frame ? frame->ip() : 0);
    arch::power_off(failing_status);
}

void upcall::fatal(arch::TrapFrame& frame, std::string_view what, uptr address) {
    char text[160];
    BufferWriter out{text};
    print(out, "{} at {:#x}, address {:#x}", what, frame.ip(), address);
    panic_at(&frame, out.text());
}

void check::power_off(unsigned status) { arch::power_off(reports() ? failing_status : status); }
