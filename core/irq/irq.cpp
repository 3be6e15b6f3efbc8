#include "core/irq/irq.h"
#include "arch/api/irq.h"
#include "arch/api/upcalls.h"
#include "core/log/log.h"
#include "core/rng/rng.h"
#include <atomic>

namespace {
constexpr unsigned lines = 1024; // as many as a PLIC has; GSIs are fewer
constinit std::atomic<IrqHandler*> handlers[lines] = {};
} // namespace

Result<> request_irq(unsigned line, IrqHandler& handler) {
    if (line >= lines) return err::inval;
    IrqHandler* nobody = nullptr;
    if (!handlers[line].compare_exchange_strong(nobody, &handler, std::memory_order_acq_rel)) return err::busy;
    arch::enable_irq(line);
    return {};
}

void upcall::interrupt(unsigned line) {
    rng::mix_interrupt(line);
    IrqHandler* handler = line < lines ? handlers[line].load(std::memory_order_acquire) : nullptr;
    if (handler) return handler->interrupt();
    arch::disable_irq(line);
    log(LogLevel::warning, "irq: line {} has no handler; turned off", line);
}
