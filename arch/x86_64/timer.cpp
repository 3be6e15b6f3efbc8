// The time stamp counter's frequency, the local APIC's timer, the machine's clock, the CPU's random numbers.
#include "arch/api/clock.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"

namespace {
u64 frequency = 1'000'000'000;        // of the time stamp counter
u64 timer_per_counter = u64{1} << 32; // local APIC ticks per counter tick, 32.32
constexpr u64 pit_frequency = 1'193'182;

/// A reading of another clock, bracketed by two of the counter; the tightest bracket of a few counts.
struct Sample {
    u64 counter, other;
};
template <class Read>
Sample sample(Read read) {
    Sample best{};
    u64 width = ~u64{0};
    for (int i = 0; i < 8; i++) {
        u64 before = arch::counter();
        u64 value = read();
        u64 after = arch::counter();
        if (after - before >= width) continue;
        width = after - before;
        best = {before + width / 2, value};
    }
    return best;
}

/// Channel 2 of the interval timer counts down from 65535 without an interrupt.
u32 read_pit() {
    x86::out8(0x43, 0x80); // latch
    u32 low = x86::in8(0x42);
    return low | x86::in8(0x42) << 8;
}
bool start_pit() {
    x86::out8(0x61, (x86::in8(0x61) & ~3) | 1); // gate on, speaker off
    x86::out8(0x43, 0xb0);                      // channel 2, mode 0
    x86::out8(0x42, 0xff);
    x86::out8(0x42, 0xff);
    u32 first = read_pit();
    for (int i = 0; i < 1000; i++) {
        u32 now = read_pit();
        if (now < first) return true;
    }
    return false;
}

/// What the hypervisor says, or the CPU; 0 if they do not.
u64 known_frequency() {
    if (x86::cpuid(1).ecx >> 31 & 1 && x86::cpuid(0x40000000).eax >= 0x40000010)
        if (u64 khz = x86::cpuid(0x40000010).eax) return khz * 1000;
    if (u64 hz = x86::pvclock_frequency()) return hz;
    if (x86::cpuid(0).eax >= 0x15) {
        auto r = x86::cpuid(0x15); // crystal frequency and ratio
        if (r.eax && r.ebx && r.ecx) return u64{r.ecx} * r.ebx / r.eax;
    }
    return 0;
}
/// What the processor is sold with: right to a thousandth.
u64 nominal_frequency() { return x86::cpuid(0).eax >= 0x16 ? u64{x86::cpuid(0x16).eax & 0xffff} * 1'000'000 : 0; }

u64 measure(u64 reference_frequency, u64 reference_ticks, Sample (*take)()) {
    Sample first = take(), last = first;
    while (first.other - last.other < reference_ticks) last = take();
    return x86::multiply_divide(last.counter - first.counter, reference_frequency, first.other - last.other);
}
} // namespace

namespace x86 {
void calibrate_timer() {
    // The local APIC of QEMU, KVM and Firecracker counts nanoseconds; elsewhere it is measured against the counter
    // below.
    constexpr u64 virtual_apic_frequency = 1'000'000'000;
    use_deadline_timer(false);
    start_apic_timer(~u32{0});
    bool virtual_machine = cpuid(1).ecx >> 31 & 1;
    if (u64 known = known_frequency())
        frequency = known;
    else if (start_pit())
        frequency = measure(pit_frequency, pit_frequency / 400, [] { return sample([] { return u64{read_pit()}; }); });
    else if (u64 nominal = nominal_frequency())
        frequency = nominal;
    else if (virtual_machine)
        frequency = measure(virtual_apic_frequency, virtual_apic_frequency / 400,
                            [] { return sample([] { return u64{apic_timer_left()}; }); });
    if (!features.tsc_deadline) {
        auto take = [] { return sample([] { return u64{apic_timer_left()}; }); };
        Sample first = take(), last = first;
        while (last.counter - first.counter < frequency / 2000) last = take();
        timer_per_counter = ((first.other - last.other) << 32) / (last.counter - first.counter);
    }
    start_apic_timer(0);
    use_deadline_timer(features.tsc_deadline);
}

void timer_interrupt(bool from_user) {
    auto& deadline = arch::this_cpu().port[slot_deadline];
    if (arch::counter() < deadline) {
        // Early: the deadline lay beyond the timer's reach, or rounding.
        if (deadline != ~u64{0}) arch::set_timer(deadline);
        return;
    }
    deadline = ~u64{0};
    upcall::timer(from_user);
}

void delay_us(u64 us) {
    u64 until = arch::counter() + us * frequency / 1'000'000;
    while (arch::counter() < until) arch::pause();
}
} // namespace x86

namespace arch {
u64 counter_frequency() { return frequency; }

void set_timer(u64 at) {
    bool were_on = irqs_save();
    this_cpu().port[x86::slot_deadline] = at;
    if (x86::features.tsc_deadline)
        x86::wrmsr(x86::msr_tsc_deadline, at == ~u64{0} ? 0 : at);
    else if (at == ~u64{0})
        x86::start_apic_timer(0);
    else {
        u64 now = counter();
        u64 ticks = at > now ? at - now : 1;
        u64 limit = u64{1} << 30;
        u64 count = ticks >= limit ? limit : (ticks * timer_per_counter >> 32) + 1;
        x86::start_apic_timer(count < 0xffffffff ? static_cast<u32>(count) : 0xffffffff);
    }
    irqs_restore(were_on);
}

namespace {
u8 read_cmos(u8 reg) {
    x86::out8(0x70, reg | 0x80);
    return x86::in8(0x71);
}
u64 days_from_civil(u64 year, unsigned month, unsigned day) {
    // Years begin in March, so that the leap day is the last of its year.
    if (month <= 2) year--;
    u64 era = year / 400, of_era = year % 400;
    u64 of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}
} // namespace

u64 read_wall_clock() {
    struct Time {
        u8 second, minute, hour, day, month, year;
        bool operator==(const Time&) const = default;
    };
    auto read = [] {
        for (int i = 0; i < 100000 && read_cmos(0x0a) & 0x80; i++) {}
        return Time{read_cmos(0), read_cmos(2), read_cmos(4), read_cmos(7), read_cmos(8), read_cmos(9)};
    };
    Time t = read();
    for (Time again = read(); !(again == t); again = read()) t = again;
    u8 mode = read_cmos(0x0b);
    bool afternoon = t.hour & 0x80;
    t.hour &= 0x7f;
    if (!(mode & 4))
        for (u8* field : {&t.second, &t.minute, &t.hour, &t.day, &t.month, &t.year})
            *field = static_cast<u8>((*field >> 4) * 10 + (*field & 15));
    if (!(mode & 2)) t.hour = static_cast<u8>(t.hour % 12 + (afternoon ? 12 : 0));
    // Ports of a device that is not there read all ones, or zeros.
    if (t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31 || t.year > 99) return x86::pvclock_wall_clock();
    return days_from_civil(2000u + t.year, t.month, t.day) * 86400 + t.hour * 3600u + t.minute * 60u + t.second;
}

std::optional<HardwareNumber> hardware_random() {
    // Some processors' RDRAND has been seen to fail with all ones, or zero.
    auto plausible = [](u64 n) { return n != 0 && n != ~u64{0}; };
    constexpr int tries = 32;
    for (int i = 0; x86::features.rdseed && i < tries; i++) {
        u64 value;
        bool good;
        asm volatile("rdseed %0" : "=r"(value), "=@ccc"(good));
        if (good && plausible(value)) return HardwareNumber{value, "RDSEED"};
    }
    for (int i = 0; x86::features.rdrand && i < tries; i++) {
        u64 value;
        bool good;
        asm volatile("rdrand %0" : "=r"(value), "=@ccc"(good));
        if (good && plausible(value)) return HardwareNumber{value, "RDRAND"};
    }
    return std::nullopt;
}
std::span<const std::byte> boot_seed() { return {}; }
} // namespace arch
