// What the collector (collector.h) keeps in packets and endpoints.
#pragma once
#include "kernel/socket/message.h"
#include "lib/chain.h"
#include "lib/intrusive.h"

namespace unix_sockets {
class Endpoint;
struct Packet;

/// The open files of one packet.
struct Cargo : ListLink<struct FlightTag> {
    Box<sockets::Rights> rights;
    Packet* packet = nullptr;
    /// In whose queue, if there are Unix sockets among the files and they have left; guarded by the graph's mutex.
    Endpoint* in = nullptr;
    bool has_sockets = false;
};

/// What the graph knows of an endpoint that is in flight, or has Unix sockets in its queue. Under the graph's mutex.
struct Flights : ChainLink<Flights>, ListLink<struct EmbryoTag> {
    explicit Flights(Endpoint& e) : of{e} {}
    Endpoint& of;
    File* file = nullptr;                    // null while nobody has accepted it; not counted
    List<Cargo, struct FlightTag> cargo;     // in its queue, with Unix sockets
    List<Flights, struct EmbryoTag> embryos; // connections in its queue that have such
    bool is_embryo = false;
    u32 count = 0; // references to its file in flight: then it is in the list of all
    // While circles are looked for.
    u32 inside = 0;
    bool live = false;
    Flights* next = nullptr;
};
} // namespace unix_sockets
