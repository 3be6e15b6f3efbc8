// The inline part of arch/api/dma.h for tests on the host, where a thread or the test itself is the device.
#pragma once
#include <atomic>

namespace arch {
inline void dma_write_barrier() { std::atomic_thread_fence(std::memory_order_release); }
inline void dma_read_barrier() { std::atomic_thread_fence(std::memory_order_acquire); }
inline void dma_barrier() { std::atomic_thread_fence(std::memory_order_seq_cst); }
} // namespace arch
