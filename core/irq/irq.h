// Which function serves which device line.
#pragma once
#include "lib/result.h"
#include "lib/types.h"

/// Serves a device's interrupt. Called with interrupts off. Objects live for ever.
class IrqHandler {
public:
    virtual void interrupt() = 0;

protected:
    ~IrqHandler() = default;
};
/// Routes `line` to `handler` and lets it through. err::busy: somebody has it; err::inval: no such line.
Result<> request_irq(unsigned line, IrqHandler& handler);
