// Finding devices, and bringing each together with its driver.
#pragma once
#include "drivers/bus/device.h"

namespace bus {
/// Offers drivers what firmware lists, in its order; those that are buses add theirs. Once, by boot's thread. `drivers`
/// are asked in their order and stay.
void start(std::span<const Driver* const> drivers);
/// A device of the command line: the value of virtio_mmio.device=, as Linux documents it. Said so in the log if it
/// makes no sense.
void add_word(std::string_view value);
/// Offers a device to the drivers: kept if one takes it, else gone. Boot's thread.
void add(Box<Device>);

/// Notes that a range belongs to somebody. err::busy, with words in the log: it is memory's, or another device's.
Result<> claim(const arch::RegisterRange&, std::string_view who);
} // namespace bus
