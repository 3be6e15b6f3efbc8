// A number that many CPUs change and few look at: each CPU has its own part.
#pragma once
#include "arch/api/cpu.h"

class CpuCounter {
public:
    constexpr CpuCounter() = default;
    /// From any context.
    void add(i64 n) { parts_[arch::cpu_id()].count.fetch_add(n, std::memory_order_relaxed); }
    /// Not of one moment while others count.
    i64 sum() const {
        i64 all = 0;
        for (const Part& part : parts_) all += part.count.load(std::memory_order_relaxed);
        return all;
    }

private:
    struct alignas(64) Part {
        std::atomic<i64> count = 0;
    } parts_[arch::max_cpus];
};
