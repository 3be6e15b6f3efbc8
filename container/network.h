// Which network a container has: annotations of ours, docs/network.md.
#pragma once
#include "container/container.h"

namespace container {
/// The names of the annotations in config.json.
inline constexpr std::string_view network_annotation = "io.rundlet.network", publish_annotation = "io.rundlet.publish";

/// Sees to it that the container's view has its network, where `linux.namespaces` has not said whose. `network`, when
/// not empty, stands for the first annotation: "bridge" (the default), "none" (its own loopback only), "host",
/// "container:ID". err::inval, err::noent, with a complaint.
Result<> choose_network(Container&, std::string_view network, json::Complaint&);
/// After the view has been prepared: gives it its interface and published ports. `publish`, when not empty, stands for
/// the second annotation: [ADDRESS:]PORT:PORT[/tcp|/udp], several with commas. err::inval, err::addrinuse, ..., with a
/// complaint.
Result<> connect_network(Container&, std::string_view publish, json::Complaint&);
} // namespace container
