// epoll(7): a file that gathers the readiness of others.
#pragma once
#include "core/time/deadline.h"
#include "kernel/file/file.h"

namespace epoll {
/// As struct epoll_event; that one's layout is the ABI's.
struct Event {
    u32 events = 0; // EPOLL*
    u64 data = 0;
};
Result<Ref<File>> create();
/// EPOLL_CTL_ADD, MOD, DEL. err::inval: not an epoll, itself, flags; err::exist, noent; err::perm: a file that is
/// always ready; err::loop: nested in a circle, or deeper than five.
Result<> add(File& epoll, Ref<File> target, int fd, Event);
Result<> modify(File& epoll, File& target, int fd, Event);
Result<> remove(File& epoll, File& target, int fd);
/// Takes events, one at a time; no lock is held. An error ends the collecting: the event is kept for the next wait.
class EventSink {
public:
    virtual Result<> put(const Event&) = 0;

protected:
    ~EventSink() = default;
};
/// Waits until there is an event, and gives at most `most` to `out`; returns how many. 0: the deadline passed;
/// err::intr: a signal; the sink's error when it took none.
Result<usize> wait(File& epoll, EventSink& out, usize most, Deadline until);
} // namespace epoll
