// What the readers of config.json's parts share (process_spec.cpp, mount_spec.cpp, linux_spec.cpp). All of them run
// after check_members(): the types are right.
#pragma once
#include "container/spec.h"

namespace container {
/// A string of at most 128 KiB (as execve(2) takes).
Result<String> text_of(const json::Field&);
/// At most 4,095 bytes, from "/".
Result<String> absolute_path(const json::Field&);
/// The same; without a leading slash it is relative to "/" all the same.
Result<String> path_in_container(const json::Field&);

Result<> parse_mounts(const json::Field& list, Spec& to);
Result<> parse_linux(const json::Field& linux_part, Spec& to);
} // namespace container
