// Reading without locks or references (read-copy-update): whoever takes an object out of a structure lets its memory go
// through retire() (core/wait/retire.h), which waits until those have left who may still look at it.
#pragma once
#include "arch/api/cpu.h"
#include "core/check/stretch.h"

namespace epoch {
struct alignas(64) Readers {
    std::atomic<u32> inside = 0;
};
inline constinit Readers readers[arch::max_cpus];

/// A reader, for a scope. It must not sleep, wait for a lock or retire(); not in interrupts. While one is inside, its
/// CPU is not taken from it (upcall::preempt_kernel()), so that memory is not held back for long: readers are short. A
/// thread that is moved just between finding its CPU and counting itself there is counted all the same, on that one.
class [[nodiscard]] Reading {
public:
    Reading() : inside_{readers[arch::cpu_id()].inside} {
        if (inside_.fetch_add(1, std::memory_order_seq_cst) == 0) stretch::reader_enters();
    }
    ~Reading() {
        if (inside_.fetch_sub(1, std::memory_order_release) == 1) stretch::reader_leaves();
    }
    Reading(const Reading&) = delete;

private:
    std::atomic<u32>& inside_;
};
} // namespace epoch
