// The x86 port space. A machine without one never names it in BootInfo; there reads give all ones.
#pragma once
#include "lib/types.h"
#include "port/port_io.h"
// port/port_io.h defines inline u8 arch::read_port(u16 port) and void arch::write_port(u16 port, u8 value).
