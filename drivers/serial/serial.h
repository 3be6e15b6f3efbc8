// The serial console.
#pragma once
#include "lib/result.h"

namespace serial {
/// Starts the machine's UART and makes it the console's terminal. err::nodev: there is none.
Result<> init();
/// Sends what is still queued, by polling. Called before power-off and restart.
void flush();
} // namespace serial
