// The serial console: a 16550.
#pragma once
#include "drivers/bus/device.h"

namespace serial {
/// The first one becomes the console's terminal.
extern const bus::Driver driver;
} // namespace serial
