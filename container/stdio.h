// The standard files of a container's processes.
#pragma once
#include "container/container.h"

namespace container {
/// err::inval: one is a place of the caller's tree (a directory, or opened with O_PATH), which would lead out of the
/// container. The complaint says which.
Result<> check_stdio(const Stdio&, json::Complaint&);
/// What /dev/console is in a container that starts with these: the first terminal among them, or null.
Ref<TerminalBase> console_of(const Stdio&);
/// A table with the three of them. A terminal has the name by which it can be opened again in the container; `console`:
/// that is what /dev/console is there for the process.
Result<Ref<FileTable>> install_stdio(const vfs::Walker& inside, const Stdio&, const TerminalBase* console);
/// As runc: they become the user's, who can so open /dev/stdout again, but for devices that are everybody's.
void give_stdio_to(Kuid, FileTable&);
} // namespace container
