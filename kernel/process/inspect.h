// Who may look into another process.
#pragma once
#include "kernel/process/process.h"

namespace process {
/// ptrace(2)'s access check with file system ids: the same user in all ids and dumpable, or CAP_SYS_PTRACE. err::acces;
/// err::noent: the process has been reaped.
Result<> may_inspect(const Credentials& who, Process&);
/// The descriptors of its first thread, kept alive by the reference; null: that has ended. Takes the tree lock.
Ref<FileTable> files_of(Process&);
} // namespace process
