// Filters of sockets: SO_ATTACH_FILTER and its relatives, socket(7).
#pragma once
#include "core/mm/user.h"
#include "lib/bpf.h"
#include <atomic>

namespace sockets {
class Socket;

/// A socket's filter, which packets pass before they are queued. `program` is under the lock of the family's state.
struct Filter {
    std::atomic<bool> present = false; // read without the lock
    std::atomic<bool> locked = false;  // SO_LOCK_FILTER
    Ref<bpf::Program> program;
    /// Under the lock; what was there is the caller's, to be dropped without it.
    Ref<bpf::Program> exchange(Ref<bpf::Program> by) {
        present.store(static_cast<bool>(by), std::memory_order_relaxed);
        std::swap(program, by);
        return by;
    }
};

/// SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER. err::inval, err::perm: locked; err::noent: there is none;
/// err::nomem, err::fault.
Result<> attach_filter(Socket&, UserSpan<const std::byte> program);
Result<> detach_filter(Socket&);
Result<> lock_filter(Socket&, bool);
/// SO_GET_FILTER: counts instructions, as `to.size` does.
Result<usize> get_filter(Socket&, UserSpan<std::byte> to);
} // namespace sockets
