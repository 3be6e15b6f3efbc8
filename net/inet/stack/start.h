// The host world's network when the machine starts.
#pragma once
#include "lib/result.h"
#include <optional>
#include <string_view>

namespace net::inet {
/// Gives the host world an interface for each device that drivers have listed: eth0, eth1, ... Once, after the drivers.
/// `ip` is the value of the command line's word (ip_word.h); without one, each interface looks for a DHCP server by
/// itself. Who asks for DHCP by the word waits for it, some seconds at most. What the word says wrong is said in the
/// log. err::nomem.
Result<> start_network(std::optional<std::string_view> ip);
} // namespace net::inet
