// The inline part of arch/api/clock.h for riscv64.
#pragma once

namespace arch {
inline u64 counter() {
    u64 now;
    asm volatile("rdtime %0" : "=r"(now));
    return now;
}
} // namespace arch
