#include "kernel/process/inspect.h"
#include "kernel/process/task.h"
#include <linux/capability.h>

namespace process {
Result<> may_inspect(const Credentials& who, Process& process, Ids ids) {
    if (Thread::current().is_user() && &Task::current().process() == &process) return {};
    if (who.can_everywhere(CAP_SYS_PTRACE)) return {};
    auto other = credentials_of(process);
    if (!other) return err::noent;
    const Credentials& o = **other;
    if (who.can_in(o.users.get(), CAP_SYS_PTRACE)) return {};
    bool real = ids == Ids::real;
    Kuid uid = real ? who.uid : who.fsuid;
    Kgid gid = real ? who.gid : who.fsgid;
    bool same = uid == o.euid && uid == o.suid && uid == o.uid && gid == o.egid && gid == o.sgid && gid == o.gid;
    bool more_capable = o.permitted & ~(real ? who.permitted : who.effective);
    return same && process.dumpable && !more_capable ? Result<>{} : Result<>{err::acces};
}

bool hides(const Credentials& before, const Credentials& after) {
    return before.euid != after.euid || before.egid != after.egid || before.fsuid != after.fsuid ||
           before.fsgid != after.fsgid || after.permitted & ~before.permitted;
}

Ref<FileTable> files_of(Process& process) {
    TreeLock tree;
    Task* leader = process.threads(tree).leader;
    return leader ? leader->share(&Task::files) : nullptr;
}
} // namespace process
