// The early console, and the ways to end or restart the machine.
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"
#include "lib/format.h"

namespace {
constexpr u16 uart = 0x3f8;
enum UartRegister : u16 { data = 0, interrupts = 1, line = 3, line_status = 5 };

void put(char c) {
    // A missing port reads all ones: ready.
    for (int i = 0; i < 1'000'000 && !(x86::in8(uart + line_status) & 0x20); i++) arch::pause();
    x86::out8(uart + data, static_cast<u8>(c));
}

struct DebugConsole final : Writer {
    void write(std::string_view s) override {
        for (char c : s) x86::out8(0xe9, static_cast<u8>(c));
    }
};

/// Without a valid interrupt table the next exception shuts the CPU down, which resets the machine.
[[noreturn]] void triple_fault() {
    struct [[gnu::packed]] {
        u16 limit = 0;
        u64 address = 0;
    } none;
    asm volatile("lidt %0; int3" ::"m"(none));
    x86::halt();
}
} // namespace

namespace x86 {
void init_console() {
    out8(uart + interrupts, 0);
    out8(uart + line, 0x80); // divisor: 115200 baud
    out8(uart + data, 1);
    out8(uart + interrupts, 0);
    out8(uart + line, 0x03); // 8 bits, no parity
}
} // namespace x86

namespace arch {
void console_write(std::string_view text) {
    for (char c : text) {
        if (c == '\n') put('\r');
        put(c);
    }
}

void power_off(unsigned status) {
    irqs_off();
    // The host reads the exact status from the debug console; isa-debug-exit can only say odd numbers.
    DebugConsole out;
    print(out, "{}\n", status & 255);
    x86::out32(0xf4, status & 255);
    const auto& t = x86::topology;
    if (t.pm1a_control) x86::out16(t.pm1a_control, static_cast<u16>(1 << 13 | t.sleep_type << 10));
    if (t.sleep_control && t.sleep_known)
        if (auto* reg = static_cast<volatile u8*>(map_device(t.sleep_control, 1)))
            *reg = static_cast<u8>(1 << 5 | t.sleep_type << 2);
    restart();
}

void restart() {
    irqs_off();
    const auto& t = x86::topology;
    if (t.reset_register && t.reset_in_io_space)
        x86::out8(static_cast<u16>(t.reset_register), t.reset_value);
    else if (t.reset_register)
        if (auto* reg = static_cast<volatile u8*>(map_device(t.reset_register, 1))) *reg = t.reset_value;
    x86::out8(0x64, 0xfe); // keyboard controller: pulse the reset line
    x86::delay_us(1000);
    triple_fault();
}
} // namespace arch
