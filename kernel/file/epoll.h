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
/// Waits until there is an event. 0: the deadline passed; err::intr: a signal.
Result<usize> wait(File& epoll, std::span<Event> out, Deadline until);
} // namespace epoll
