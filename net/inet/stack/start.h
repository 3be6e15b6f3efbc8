// The host world's network when the machine starts.
#pragma once
#include "lib/result.h"

namespace net::inet {
/// Gives the host world an interface for each device that drivers have listed: eth0, eth1, ... Once, after the drivers.
/// err::nomem.
Result<> start_network();
} // namespace net::inet
