#include "core/wait/clock_set.h"

namespace clocks {
namespace {
constinit WaitQueue was_set;
} // namespace

void set_realtime(i64 ns) {
    move_realtime(ns);
    was_set.notify_all();
}
WaitQueue& realtime_was_set() { return was_set; }

Deadline Moment::deadline() const {
    if (!wall) return {ns};
    i64 left = static_cast<i64>(ns) - realtime_ns();
    return left <= 0 ? Deadline{0} : in(static_cast<u64>(left));
}
} // namespace clocks
