// Backtraces by frame pointers.
#pragma once
#include "lib/types.h"
#include <optional>
#include <span>

namespace arch {
/// What a function's frame keeps: where its caller goes on, and the caller's own frame pointer.
struct SavedFrame {
    uptr return_address, caller;
};

/// Return addresses from the frame at `at` on, innermost first. `read(at)` gives a frame, or nothing where none can be;
/// `is_code(address)` says whether the kernel's code is there.
template <class Read, class IsCode>
usize walk_frames(std::span<uptr> to, uptr at, Read read, IsCode is_code) {
    constexpr usize largest_frame = 64 * KiB;
    usize n = 0;
    while (n < to.size() && is_aligned(at, sizeof(uptr))) {
        std::optional<SavedFrame> frame = read(at);
        if (!frame || !is_code(frame->return_address)) break;
        to[n++] = frame->return_address;
        if (frame->caller <= at || frame->caller - at > largest_frame) break; // callers' frames are higher up
        at = frame->caller;
    }
    return n;
}
} // namespace arch
