// The platform-level interrupt controller (RISC-V PLIC specification 1.0).
#include "arch/api/irq.h"
#include "arch/api/upcalls.h"
#include "arch/riscv64/internal.h"

namespace {
constexpr usize enable_at = 0x2000, enable_stride = 0x80, context_at = 0x20'0000, context_stride = 0x1000;
volatile u8* plic = nullptr;
constinit std::atomic<bool> busy = false;

volatile u32& at(usize offset) { return *reinterpret_cast<volatile u32*>(plic + offset); }

void set_enabled(const riscv::Hart& hart, unsigned line, bool on) {
    if (hart.plic_context < 0) return;
    auto& word = at(enable_at + static_cast<usize>(hart.plic_context) * enable_stride + line / 32 * 4);
    u32 bit = 1u << line % 32;
    word = on ? word | bit : word & ~bit;
}

template <class F>
void exclusively(unsigned line, F change) {
    if (!plic || line == 0 || line > riscv::platform.plic_sources) return;
    bool on = arch::irqs_save();
    while (busy.exchange(true, std::memory_order_acquire)) arch::pause();
    change();
    busy.store(false, std::memory_order_release);
    arch::irqs_restore(on);
}
} // namespace

namespace riscv {
void init_plic() {
    if (platform.plic) plic = static_cast<volatile u8*>(arch::map_device(platform.plic, platform.plic_size));
}

void init_plic_context() {
    CpuLocal& cpu = arch::this_cpu();
    const Hart& hart = platform.harts[cpu.id];
    if (!plic || hart.plic_context < 0) return;
    auto& context = at(context_at + static_cast<usize>(hart.plic_context) * context_stride);
    context = 0; // threshold: every priority
    cpu.port[slot_plic] = reinterpret_cast<u64>(&context);
}

void serve_plic() {
    auto* context = reinterpret_cast<volatile u32*>(arch::this_cpu().port[slot_plic]);
    if (!context) return;
    while (u32 line = context[1]) {
        // The claim, the device and the completion, in this order for other devices' eyes too.
        asm volatile("fence" ::: "memory");
        upcall::interrupt(line);
        asm volatile("fence" ::: "memory");
        context[1] = line;
    }
}
} // namespace riscv

namespace arch {
// A PLIC has wires only; messages need an IMSIC.
Result<Message> take_message(unsigned) { return err::opnotsupp; }
void give_back_message(unsigned) {}

void enable_irq(unsigned line) {
    exclusively(line, [&] {
        at(line * 4) = 1; // priority
        set_enabled(riscv::platform.harts[this_cpu().id], line, true);
    });
}

void disable_irq(unsigned line) {
    exclusively(line, [&] {
        at(line * 4) = 0;
        for (auto& hart : riscv::platform.harts) set_enabled(hart, line, false);
    });
}
} // namespace arch
