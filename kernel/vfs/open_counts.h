// Who has a file open, and how.
#pragma once
#include "lib/result.h"
#include <atomic>

class File;

namespace vfs {
/// Writers and executions exclude each other: err::txtbsy. Each success is undone by the second of the pair.
class OpenCounts {
public:
    Result<> begin_writing();
    void end_writing() { writers_.fetch_sub(1, std::memory_order_relaxed); }
    Result<> deny_writing();
    void allow_writing() { writers_.fetch_add(1, std::memory_order_relaxed); }
    // Opens that only read, counted for leases.
    void begin_reading() { readers_.fetch_add(1); }
    void end_reading() { readers_.fetch_sub(1, std::memory_order_relaxed); }
    bool open_for_writing() const { return writers_.load() > 0; }
    /// Nobody has it open but one, which may write or not.
    bool open_once(bool writes) const { return writers_.load() == writes && readers_.load() == !writes; }

private:
    std::atomic<i32> writers_ = 0; // below 0: executions
    std::atomic<i32> readers_ = 0;
};
/// Those of the open file's inode; null for what has no page cache.
OpenCounts* open_counts(File&);
} // namespace vfs
