// Local APICs, the I/O APIC, interrupts between CPUs.
#include "arch/api/irq.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/port_internal.h"
#include <atomic>

namespace {
enum Register : u32 { // xAPIC offsets; in x2APIC mode MSR 0x800 + offset / 16
    reg_id = 0x20,
    reg_task_priority = 0x80,
    reg_end_of_interrupt = 0xb0,
    reg_spurious = 0xf0,
    reg_command = 0x300,
    reg_command_high = 0x310,
    reg_timer = 0x320,
    reg_lint0 = 0x350,
    reg_lint1 = 0x360,
    reg_error = 0x370,
    reg_initial_count = 0x380,
    reg_current_count = 0x390,
    reg_divide = 0x3e0,
};
constexpr u32 masked = 1 << 16, delivery_pending = 1 << 12, level_assert = 1 << 14;
constexpr u32 mode_nmi = 4 << 8, mode_init = 5 << 8, mode_startup = 6 << 8;
constexpr u64 apic_enabled = 1 << 11, apic_x2 = 1 << 10;

volatile u32* window; // null in x2APIC mode
std::atomic<bool> stopped;
std::atomic<u64> messages_taken[arch::max_cpus]; // a bit for each of a CPU's vectors
static_assert(MESSAGE_VECTORS == 64 && arch::message_lines == MESSAGE_VECTORS * arch::max_cpus);

u32 read(u32 reg) {
    if (window) return window[reg / 4];
    return static_cast<u32>(x86::rdmsr(x86::msr_x2apic + reg / 16));
}
void write(u32 reg, u32 value) {
    if (window)
        window[reg / 4] = value;
    else
        x86::wrmsr(x86::msr_x2apic + reg / 16, value);
}

void command(u32 apic_id, u32 what) {
    // Who is interrupted sees all that was written before. A store to the uncached window has that order by itself.
    if (!window) x86::fence_before_msr();
    if (!window) return x86::wrmsr(x86::msr_x2apic + reg_command / 16, u64{apic_id} << 32 | what);
    // Two registers: an interrupt in between could send its own.
    bool were_on = arch::irqs_save();
    while (window[reg_command / 4] & delivery_pending) arch::pause();
    window[reg_command_high / 4] = apic_id << 24;
    window[reg_command / 4] = what;
    arch::irqs_restore(were_on);
}

struct IoApic {
    volatile u32* at = nullptr;
    u32 first = 0, count = 0;
    u32 read(u32 reg) const {
        at[0] = reg;
        return at[4];
    }
    void write(u32 reg, u32 value) const {
        at[0] = reg;
        at[4] = value;
    }
};
IoApic io_apics[2];
std::atomic<bool> io_apic_busy;

/// Calls `with` on the I/O APIC of a line, under its lock, with the number of the line's redirection register.
template <class F>
void with_line(unsigned line, F with) {
    for (const IoApic& io : io_apics) {
        if (line < io.first || line >= io.first + io.count) continue;
        bool were_on = arch::irqs_save();
        while (io_apic_busy.exchange(true, std::memory_order_acquire)) arch::pause();
        with(io, 0x10 + 2 * (line - io.first));
        io_apic_busy.store(false, std::memory_order_release);
        arch::irqs_restore(were_on);
    }
}

/// Polarity and trigger bits of a redirection entry: ISA lines are edge-triggered and active high, unless the MADT says
/// otherwise; the others are level-triggered, active low.
u32 line_mode(unsigned line) {
    constexpr u32 active_low = 1 << 13, level = 1 << 15;
    for (unsigned irq = 0; irq < 16; irq++) {
        const auto& isa = x86::topology.isa[irq];
        if (isa.gsi != line) continue;
        u32 mode = 0;
        if ((isa.flags & 3) == 3) mode |= active_low;
        if ((isa.flags >> 2 & 3) == 3) mode |= level;
        return mode;
    }
    return active_low | level;
}
} // namespace

namespace x86 {
u32 local_apic_id() {
    // Leaf 0xb has all 32 bits of an x2APIC's.
    if (cpuid(0).eax >= 0xb && cpuid(0xb).ebx) return cpuid(0xb).edx;
    return cpuid(1).ebx >> 24;
}

void init_local_apic() {
    wrmsr(msr_apic_base, rdmsr(msr_apic_base) | apic_enabled); // first: there is no way from off to x2APIC
    if (features.x2apic)
        wrmsr(msr_apic_base, rdmsr(msr_apic_base) | apic_x2);
    else if (!window)
        window = static_cast<volatile u32*>(arch::map_device(topology.local_apic, page_size));
    write(reg_lint0, masked);                     // the old interrupt controller's, which may have one waiting
    write(reg_spurious, 0x100 | VECTOR_SPURIOUS); // on: until now what stands below would stay masked
    write(reg_task_priority, 0);
    write(reg_lint1, mode_nmi);
    write(reg_error, masked);
    write(reg_divide, 0xb); // by 1
    write(reg_initial_count, 0);
    use_deadline_timer(features.tsc_deadline);
}

void init_interrupts() {
    out8(0x21, 0xff); // the old interrupt controllers stay silent
    out8(0xa1, 0xff);
    for (unsigned i = 0; i < topology.io_apic_count; i++) {
        IoApic& io = io_apics[i];
        io.at = static_cast<volatile u32*>(arch::map_device(topology.io_apics[i].address, page_size));
        io.first = topology.io_apics[i].first_gsi;
        u32 version = io.read(1);
        io.count = version == ~u32{0} ? 0 : (version >> 16 & 0xff) + 1; // all ones: there is none
        for (u32 pin = 0; pin < io.count; pin++) io.write(0x10 + 2 * pin, masked);
    }
}

void acknowledge_interrupt() { write(reg_end_of_interrupt, 0); }
void send_init(u32 apic_id) { command(apic_id, mode_init | level_assert); }
void send_startup(u32 apic_id, u8 page) { command(apic_id, mode_startup | level_assert | page); }
void send_nmi(u32 apic_id) { command(apic_id, mode_nmi | level_assert); }
unsigned message_line(unsigned cpu, unsigned index) { return arch::first_message_line + cpu * MESSAGE_VECTORS + index; }
void use_deadline_timer(bool on) {
    write(reg_timer, VECTOR_TIMER | (on ? 2 << 17 : 0));
    asm volatile("mfence" ::: "memory"); // the mode is known before a deadline is set
}
void start_apic_timer(u32 count) { write(reg_initial_count, count); }
u32 apic_timer_left() { return read(reg_current_count); }
bool stopping() { return stopped.load(std::memory_order_relaxed); }
} // namespace x86

namespace arch {
void send_ipi(unsigned cpu) { command(x86::topology.apic_ids[cpu], VECTOR_IPI | level_assert); }

void enable_irq(unsigned line) {
    if (line >= DEVICE_VECTORS) return;
    u32 to = static_cast<u32>(this_cpu().hardware_id);
    with_line(line, [&](const IoApic& io, u32 reg) {
        io.write(reg + 1, to << 24);
        io.write(reg, (VECTOR_DEVICE + line) | line_mode(line));
    });
}
void disable_irq(unsigned line) {
    with_line(line, [](const IoApic& io, u32 reg) { io.write(reg, masked); });
}

Result<Message> take_message(unsigned cpu) {
    constexpr u64 window_start = 0xfee00000; // of writes that are interrupts: SDM volume 3, 11.11
    if (cpu >= cpu_count()) return err::inval;
    u32 id = x86::topology.apic_ids[cpu];
    if (id > 0xff) return err::opnotsupp; // the address has 8 bits for it
    auto& taken = messages_taken[cpu];
    for (u64 old = taken.load(std::memory_order_relaxed); ~old;) {
        auto index = static_cast<unsigned>(std::countr_one(old));
        if (!taken.compare_exchange_weak(old, old | u64{1} << index, std::memory_order_acq_rel)) continue;
        return Message{x86::message_line(cpu, index), window_start | u64{id} << 12, VECTOR_MESSAGE + index};
    }
    return err::nospc;
}

void give_back_message(unsigned line) {
    unsigned number = line - first_message_line;
    messages_taken[number / MESSAGE_VECTORS].fetch_and(~(u64{1} << number % MESSAGE_VECTORS),
                                                       std::memory_order_release);
}

void stop_other_cpus() {
    stopped.store(true, std::memory_order_seq_cst);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if (cpu != cpu_id()) x86::send_nmi(x86::topology.apic_ids[cpu]);
}
} // namespace arch
