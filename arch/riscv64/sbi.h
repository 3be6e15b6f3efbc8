// Calls to the supervisor binary interface (the firmware), version 0.2 and later.
#pragma once
#include "lib/types.h"

namespace sbi {
struct Answer {
    long error;
    u64 value;
};

inline Answer call(u64 extension, u64 function, u64 a = 0, u64 b = 0, u64 c = 0) {
    register u64 a0 asm("a0") = a;
    register u64 a1 asm("a1") = b;
    register u64 a2 asm("a2") = c;
    register u64 a6 asm("a6") = function;
    register u64 a7 asm("a7") = extension;
    asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return {static_cast<long>(a0), a1};
}

inline constexpr u64 ext_base = 0x10, ext_time = 0x5449'4d45, ext_ipi = 0x73'5049, ext_hsm = 0x48'534d,
                     ext_reset = 0x5352'5354, ext_console = 0x4442'434e;

/// Whether the firmware has an extension.
inline bool has(u64 extension) { return call(ext_base, 3, extension).value != 0; }
/// By the debug console, or the legacy one, which older firmware has instead. Used until the UART is mapped.
inline void put_char(char c) {
    if (call(ext_console, 2, static_cast<u8>(c)).error) call(1, 0, static_cast<u8>(c));
}
inline void set_timer(u64 at) { call(ext_time, 0, at); }
inline void send_ipi(u64 hart) { call(ext_ipi, 0, 1, hart); }
inline Answer start_hart(u64 hart, u64 physical_entry, u64 argument) {
    return call(ext_hsm, 0, hart, physical_entry, argument);
}
enum class Reset : u32 { shutdown = 0, cold_reboot = 1 };
inline void reset(Reset how, bool failed) { call(ext_reset, 0, static_cast<u32>(how), failed); }
} // namespace sbi
