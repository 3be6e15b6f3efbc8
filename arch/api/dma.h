// Order between the CPU's accesses to memory and a device's, in both directions. None of it is needed between CPUs.
#pragma once
#include "port/dma.h"
// port/dma.h defines, all inline:
//   void arch::dma_write_barrier();  what was written before is seen by the device before what is written after, be
//   that
//                                    memory or a register
//   void arch::dma_read_barrier();   what is read after was written by the device no earlier than what was read before
//   void arch::dma_barrier();        both, and no later read overtakes an earlier write
