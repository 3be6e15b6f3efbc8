// Files in the host's tests.
#pragma once
#include <atomic>

namespace host {
/// How often somebody would have got SIGPIPE.
extern std::atomic<unsigned> broken_pipes;
/// vfs::init(), once for the process; whether it worked.
bool files_ready();
/// The root view is made, once.
bool view_ready();
} // namespace host
