// What processes and threads have used: getrusage(2), times(2), /proc/pid/io.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include <atomic>

struct ResourceUse {
    u64 user_ns = 0, system_ns = 0, minor_faults = 0, major_faults = 0, voluntary = 0, involuntary = 0;
    u64 peak_resident_pages = 0;
    u64 bytes_read = 0, bytes_written = 0, reads = 0, writes = 0; // /proc/pid/io
    void add(const ResourceUse&);
};

/// What a process has used beyond what its threads count; reached with its signal lock held.
struct Accounting {
    ResourceUse ended_threads, waited_children;
};

/// What a thread counts. Changed only by the task itself, read by others.
struct TaskCounters {
    std::atomic<u64> minor_faults = 0, major_faults = 0;
    /// What read(2), write(2) and their relatives moved and how often they were called: /proc/pid/io.
    struct Transfers {
        std::atomic<u64> bytes_read = 0, bytes_written = 0, reads = 0, writes = 0;
        /// Counts a call that ends with `answer`, and gives it back.
        Result<usize> read(Result<usize> answer) { return count(reads, bytes_read, answer); }
        Result<usize> wrote(Result<usize> answer) { return count(writes, bytes_written, answer); }

    private:
        static Result<usize> count(std::atomic<u64>& calls, std::atomic<u64>& bytes, Result<usize> answer) {
            calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            if (answer) bytes.store(bytes.load(std::memory_order_relaxed) + *answer, std::memory_order_relaxed);
            return answer;
        }
    } transfers;
};
