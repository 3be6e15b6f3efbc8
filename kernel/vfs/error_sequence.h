// Errors that come to light when nobody's call is there to return them.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include <atomic>

namespace vfs {
/// The newest error of writing back, of which each open file hears once. Lock-free.
class ErrorSequence {
public:
    void set(Errno);
    /// What a new open file has heard of: everything, but for an error that nobody has heard of yet.
    u32 sample() const;
    /// The error that came after `seen`, which moves up to it.
    Result<> check(std::atomic<u32>& seen);

private:
    // An error number, whether somebody has heard of it, and a count that tells it from the one before.
    static constexpr u32 heard = 1u << 12, error_mask = heard - 1, one = heard << 1;
    std::atomic<u32> value_ = 0;
};
} // namespace vfs
