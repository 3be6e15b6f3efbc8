// The inline part of arch/api/dma.h for x86-64: memory and uncached registers are written in order, and read in order.
#pragma once

namespace arch {
inline void dma_write_barrier() { asm volatile("" ::: "memory"); }
inline void dma_read_barrier() { asm volatile("" ::: "memory"); }
inline void dma_barrier() { asm volatile("mfence" ::: "memory"); }
} // namespace arch
