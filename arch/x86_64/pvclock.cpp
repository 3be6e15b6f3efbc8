// KVM's paravirtual clock (Linux's Documentation/virt/kvm/x86/msr.rst and cpuid.rst), read at boot where a hypervisor
// has neither an interval timer nor a CMOS clock. Time itself is told by the counter.
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"
#include <cstring>

namespace {
enum Msr : u32 { msr_wall_clock = 0x4b564d00, msr_system_time = 0x4b564d01 };

struct SystemTime {
    u32 version, padding;
    u64 counter, ns; // the guest's clock said `ns` when the counter said `counter`
    u32 multiplier;  // ns = (ticks << shift) * multiplier >> 32
    i8 shift;
    u8 flags, reserved[2];
};
struct WallClock {
    u32 version, seconds, ns; // when the guest's clock said 0
};
// The host writes here, physically: neither may cross a page.
alignas(64) SystemTime system_time;
alignas(64) WallClock wall_clock;

bool has_kvm_clock() {
    constexpr u32 clocksource2 = 1 << 3;
    if (!(x86::cpuid(1).ecx >> 31 & 1)) return false;
    // The leaves of another dialect (Hyper-V's) may come first.
    for (u32 base = 0x40000000; base < 0x40010000; base += 0x100) {
        auto r = x86::cpuid(base);
        u32 signature[] = {r.ebx, r.ecx, r.edx};
        if (std::memcmp(signature, "KVMKVMKVM\0\0", sizeof signature) == 0)
            return x86::cpuid(base + 1).eax & clocksource2;
    }
    return false;
}

/// The host fills it in before the guest goes on after the write of the MSR; with 0 it forgets the place.
const SystemTime& read_system_time() {
    constexpr u64 on = 1;
    x86::wrmsr(msr_system_time, x86::image_physical(&system_time) | on);
    x86::wrmsr(msr_system_time, 0);
    return system_time;
}
} // namespace

namespace x86 {
u64 pvclock_frequency() {
    if (!has_kvm_clock()) return 0;
    const auto& time = read_system_time();
    if (!time.multiplier || time.shift > 31 || time.shift < -31) return 0;
    u64 hz = (u64{1'000'000'000} << 32) / time.multiplier;
    return time.shift < 0 ? hz << -time.shift : hz >> time.shift;
}

u64 pvclock_wall_clock() {
    if (!has_kvm_clock()) return 0;
    wrmsr(msr_wall_clock, image_physical(&wall_clock));
    return wall_clock.seconds + (read_system_time().ns + wall_clock.ns) / 1'000'000'000;
}
} // namespace x86
