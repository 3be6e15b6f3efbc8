// Open files in the queues of Unix sockets. Sockets among them may keep each other alive in circles that no process can
// reach any more: the collector takes those apart.
#pragma once
#include "net/unix/packet.h"

namespace unix_sockets {
/// Gives a packet open files. err::nomem.
Result<> load(Packet&, Box<sockets::Rights>);
/// The way of a packet's open files into a queue: holds the graph, if it must, from before the packet is pushed.
class [[nodiscard]] Departure {
public:
    /// What can fail, before. err::nomem.
    static Result<> prepare(Packet&, Endpoint& to);
    Departure(Packet&, Endpoint& to);
    ~Departure();
    Departure(const Departure&) = delete;
    /// The packet is in the queue, whose lock is still held.
    void pushed();

private:
    Cargo* cargo_;
    Endpoint& to_;
    Ref<Endpoint> listener_;
    bool pushed_ = false;
};
/// The files of a packet that is received: they are not in flight any more. Null: it has none.
Box<sockets::Rights> land(Packet&);
/// Further references to them: MSG_PEEK. err::nomem.
Result<Box<sockets::Rights>> look_at(Packet&);
/// Closes the files of a packet that nobody will receive. Without recursion, however deep sockets lie in sockets.
void discard(Packet&);
/// A connection has been accepted: `file` is its.
void accepted(Endpoint&, File& file);
/// A descriptor of a socket is about to be closed, or its file has been: it may be the last that led to a circle.
void suspect();
/// The endpoint is about to be destroyed.
void forget(Endpoint&);
/// Looks for circles and takes them apart; returns how many sockets were in them. By a thread of its own, soon after
/// suspect(); by tests.
usize collect();
/// Unix sockets in flight.
usize in_flight();
} // namespace unix_sockets
