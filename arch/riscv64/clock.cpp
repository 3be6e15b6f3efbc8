// The timer: by Sstc where the CPU has it, else by the firmware. The wall clock: goldfish-rtc.
#include "arch/api/clock.h"
#include "arch/api/machine.h"
#include "arch/riscv64/internal.h"
#include "arch/riscv64/sbi.h"

namespace arch {
u64 counter_frequency() { return riscv::platform.timebase; }

void set_timer(u64 at) {
    constexpr uptr timer = 1 << 5;
    if (at == ~u64{0}) {
        asm volatile("csrc sie, %0" ::"r"(timer));
        return;
    }
    if (riscv::platform.sstc)
        asm volatile("csrw 0x14d, %0" ::"r"(at)); // stimecmp
    else
        sbi::set_timer(at);
    asm volatile("csrs sie, %0" ::"r"(timer));
}

u64 read_wall_clock() {
    if (!riscv::platform.rtc) return 0;
    auto* rtc = static_cast<volatile u32*>(map_device(riscv::platform.rtc, page_size));
    if (!rtc) return 0;
    u32 low = rtc[0]; // latches the high half
    return (u64{rtc[1]} << 32 | low) / 1'000'000'000;
}
} // namespace arch
