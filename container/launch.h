// From a process spec to a process that is ready to run in a container.
#pragma once
#include "container/container.h"

namespace container {
/// What a process starts with, and the path of its program.
struct Launch {
    String path;
    process::Start start;
};
/// `tree` is the container's, held by the caller: the container gives it up when it stops. `users`: whose the IDs of
/// the process are. `console`: what /dev/console is in the container, or null. The program must exist and be executable
/// for the process's user; complaints name the field of `process`.
Result<Box<Launch>> prepare(Ref<vfs::MountTree> tree, const ProcessSpec&, const UserNamespace& users, const Stdio&,
                            const TerminalBase* console, json::Complaint&);
} // namespace container
