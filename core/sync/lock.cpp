#include "core/sync/lock.h"
#include "core/cpu/cross_call.h"

void sync_detail::spin(std::atomic<bool>& held) {
    do
        while (held.load(std::memory_order_relaxed)) {
            serve_calls();
            arch::pause();
        }
    while (held.exchange(true, std::memory_order_acquire));
}
