// The x86 port space. A machine without one never names it in BootInfo; there reads give all ones.
#pragma once
#include "lib/types.h"
#include "port/port_io.h"
// port/port_io.h defines inline T arch::read_port<T>(u16 port) and void arch::write_port(u16 port, T value) for u8,
// u16 and u32.
