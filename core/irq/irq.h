// Which function serves which device's interrupt.
#pragma once
#include "arch/api/irq.h"
#include <atomic>

/// Serves a device's interrupt. Serves one line or message at a time.
class IrqHandler {
public:
    /// Called with interrupts off: quiets the device and leaves the rest to a Work (core/work). Whether the device had
    /// something: others may share the line.
    virtual bool interrupt() = 0;

protected:
    ~IrqHandler() = default;

private:
    friend class IrqLine;
    std::atomic<IrqHandler*> next_ = nullptr; // on the same line
};

/// Has `handler` called for a wire, beside those that are there already, and lets it through to this CPU. Level lines
/// are called until their devices are quiet; one that nobody feels responsible for is turned off. err::inval: no such
/// line.
Result<> request_irq(unsigned line, IrqHandler& handler);
/// Afterwards the handler is not called any more. Not from a handler.
void release_irq(unsigned line, IrqHandler& handler);

/// A message for a device to interrupt `cpu` with, which `handler` serves alone. The errors are arch::take_message()'s:
/// with err::opnotsupp a device uses its wire.
Result<arch::Message> request_message(unsigned cpu, IrqHandler& handler);
/// The device can no longer send it. Afterwards the handler is not called any more. Not from a handler.
void release_message(unsigned line, IrqHandler& handler);
