// Who may look into another process.
#pragma once
#include "kernel/credentials/credentials.h"
#include "kernel/process/process.h"

namespace process {
/// By which of the caller's ids and capabilities: those for files (/proc), or the real user and what it may ever use
/// (the calls that name a process).
enum class Ids : u8 { file_system, real };
/// ptrace(2)'s access check: the same user in all ids, dumpable and with no capability that the caller lacks, or
/// CAP_SYS_PTRACE. A process may always look into itself. err::acces; err::noent: the process has been reaped.
Result<> may_inspect(const Credentials& who, Process&, Ids = Ids::file_system);
/// Whether a change of credentials hides the process from its user: other effective ids, or more capabilities.
bool hides(const Credentials& before, const Credentials& after);
/// The descriptors of its first thread, kept alive by the reference; null: that has ended. Takes the tree lock.
Ref<FileTable> files_of(Process&);
} // namespace process
