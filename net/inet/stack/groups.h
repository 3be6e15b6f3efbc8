// Telling the link which groups this machine hears of: IGMP and MLD (RFC 3376, 3810).
#pragma once
#include "net/inet/stack/input.h"

namespace net::inet {
/// The first has joined a group by an interface, or the last has left it.
void report_group(Interface&, const Address& group, bool joined, Outbox&);
/// Answers a router's query, IGMP's or MLD's, at once: there are too few groups here for answers to come in a storm.
void answer_group_query(Arrival&);
extern const Protocol igmp_protocol;
} // namespace net::inet
