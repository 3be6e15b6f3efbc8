// The inline part of arch/api/dma.h for riscv64. The fences name memory and devices.
#pragma once

namespace arch {
inline void dma_write_barrier() { asm volatile("fence w, ow" ::: "memory"); }
inline void dma_read_barrier() { asm volatile("fence ir, ir" ::: "memory"); }
inline void dma_barrier() { asm volatile("fence iorw, iorw" ::: "memory"); }
} // namespace arch
