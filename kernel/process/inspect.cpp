#include "kernel/process/inspect.h"
#include "kernel/process/task.h"
#include <linux/capability.h>

namespace process {
Result<> may_inspect(const Credentials& who, Process& process) {
    if (who.can(CAP_SYS_PTRACE)) return {};
    auto other = credentials_of(process);
    if (!other) return err::noent;
    const Credentials& o = **other;
    bool same = who.fsuid == o.euid && who.fsuid == o.suid && who.fsuid == o.uid && who.fsgid == o.egid &&
                who.fsgid == o.sgid && who.fsgid == o.gid;
    return same && process.dumpable ? Result<>{} : Result<>{err::acces};
}

Ref<FileTable> files_of(Process& process) {
    Holding tree{tree_lock()};
    return process.leader ? process.leader->share(&Task::files) : nullptr;
}
} // namespace process
