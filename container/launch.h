// From a process spec to a process that is ready to run in a container.
#pragma once
#include "container/container.h"

namespace container {
/// What a process starts with, and the path of its program.
struct Launch {
    String path;
    process::Start start;
};
/// The container's tree is already there. The program must exist and be executable for the process's user; complaints
/// name the field of `process`.
Result<Box<Launch>> prepare(Container&, const ProcessSpec&, const Stdio&, json::Complaint&);
} // namespace container
