// From a process spec to a process that is ready to run in a container.
#pragma once
#include "container/container.h"

namespace container {
/// What a process of `container` starts with. Its tree is already there. `field` names the spec's place in complaints:
/// "process". The program must exist and be executable for the process's user.
Result<Box<process::Start>> prepare_start(Container&, const ProcessSpec&, const Stdio&, json::Complaint&);
} // namespace container
