#include "abi/linux/sys/identity.h"
#include "kernel/process/inspect.h"
#include "kernel/process/task.h"
#include "kernel/process/timers.h"
#include <algorithm>
#include <linux/securebits.h>

namespace linux_abi::sys {
namespace {
constexpr CapabilitySet file_capabilities =
    CapabilitySet{1} << CAP_CHOWN | CapabilitySet{1} << CAP_MKNOD | CapabilitySet{1} << CAP_DAC_OVERRIDE |
    CapabilitySet{1} << CAP_DAC_READ_SEARCH | CapabilitySet{1} << CAP_FOWNER | CapabilitySet{1} << CAP_FSETID |
    CapabilitySet{1} << CAP_LINUX_IMMUTABLE | CapabilitySet{1} << CAP_MAC_OVERRIDE;

/// capabilities(7), "Effect of user ID changes on capabilities".
void adjust_capabilities(const Credentials& old, Credentials& who) {
    if (who.securebits & issecure_mask(SECURE_NO_SETUID_FIXUP)) return;
    Kuid root = old.root();
    bool was_root = old.uid == root || old.euid == root || old.suid == root;
    bool is_root = who.uid == root || who.euid == root || who.suid == root;
    if (was_root && !is_root) {
        if (!(who.securebits & issecure_mask(SECURE_KEEP_CAPS))) who.permitted = who.effective = 0;
        who.ambient = 0;
    }
    if (old.euid == root && who.euid != root) who.effective = 0;
    if (old.euid != root && who.euid == root) who.effective = who.permitted;
}

Result<> commit(Task& task, Ref<Credentials> who) {
    const Credentials& old = task.credentials();
    if (process::hides(old, *who)) {
        task.process().dumpable = false;
        task.parent_death_signal = 0;
    }
    if (old.uid != who->uid) {
        task.count_for(TRY(User::of(*task.view().users, who->uid)));
        // A daemon that sets its user does not expect that to fail; the exec that follows does (setuid(2)).
        task.too_many_processes = process::beyond_process_limit(task);
    }
    task.set_credentials(std::move(who));
    return {};
}

/// What is not given stays.
template <class Id>
bool one_of(Id id, std::initializer_list<Id> allowed) {
    return id == Id{ids::none} || std::find(allowed.begin(), allowed.end(), id) != allowed.end();
}
} // namespace

Result<u32> getuid(Task& task) { return task.credentials().shown(task.credentials().uid); }
Result<u32> geteuid(Task& task) { return task.credentials().shown(task.credentials().euid); }
Result<u32> getgid(Task& task) { return task.credentials().shown(task.credentials().gid); }
Result<u32> getegid(Task& task) { return task.credentials().shown(task.credentials().egid); }

Result<> getresuid(Task& task, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved) {
    const Credentials& me = task.credentials();
    TRY(copy_out(real, me.shown(me.uid)));
    TRY(copy_out(effective, me.shown(me.euid)));
    return copy_out(saved, me.shown(me.suid));
}
Result<> getresgid(Task& task, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved) {
    const Credentials& me = task.credentials();
    TRY(copy_out(real, me.shown(me.gid)));
    TRY(copy_out(effective, me.shown(me.egid)));
    return copy_out(saved, me.shown(me.sgid));
}

Result<> setuid(Task& task, u32 id) {
    const Credentials& old = task.credentials();
    Kuid uid = TRY(old.kuid(id));
    if (uid == ids::no_user) return err::inval;
    auto who = TRY(old.clone());
    if (old.can(CAP_SETUID))
        who->uid = who->suid = uid;
    else if (uid != old.uid && uid != old.suid)
        return err::perm;
    who->euid = who->fsuid = uid;
    adjust_capabilities(old, *who);
    return commit(task, std::move(who));
}
Result<> setgid(Task& task, u32 id) {
    const Credentials& old = task.credentials();
    Kgid gid = TRY(old.kgid(id));
    if (gid == ids::no_group) return err::inval;
    auto who = TRY(old.clone());
    if (old.can(CAP_SETGID))
        who->gid = who->sgid = gid;
    else if (gid != old.gid && gid != old.sgid)
        return err::perm;
    who->egid = who->fsgid = gid;
    return commit(task, std::move(who));
}

Result<> setreuid(Task& task, u32 real_id, u32 effective_id) {
    const Credentials& old = task.credentials();
    Kuid real = TRY(old.kuid(real_id)), effective = TRY(old.kuid(effective_id));
    if (!old.can(CAP_SETUID) &&
        (!one_of(real, {old.uid, old.euid}) || !one_of(effective, {old.uid, old.euid, old.suid})))
        return err::perm;
    auto who = TRY(old.clone());
    if (real != ids::no_user) who->uid = real;
    if (effective != ids::no_user) who->euid = effective;
    if (real != ids::no_user || (effective != ids::no_user && effective != old.uid)) who->suid = who->euid;
    who->fsuid = who->euid;
    adjust_capabilities(old, *who);
    return commit(task, std::move(who));
}
Result<> setregid(Task& task, u32 real_id, u32 effective_id) {
    const Credentials& old = task.credentials();
    Kgid real = TRY(old.kgid(real_id)), effective = TRY(old.kgid(effective_id));
    if (!old.can(CAP_SETGID) &&
        (!one_of(real, {old.gid, old.egid}) || !one_of(effective, {old.gid, old.egid, old.sgid})))
        return err::perm;
    auto who = TRY(old.clone());
    if (real != ids::no_group) who->gid = real;
    if (effective != ids::no_group) who->egid = effective;
    if (real != ids::no_group || (effective != ids::no_group && effective != old.gid)) who->sgid = who->egid;
    who->fsgid = who->egid;
    return commit(task, std::move(who));
}

Result<> setresuid(Task& task, u32 real_id, u32 effective_id, u32 saved_id) {
    const Credentials& old = task.credentials();
    Kuid real = TRY(old.kuid(real_id)), effective = TRY(old.kuid(effective_id)), saved = TRY(old.kuid(saved_id));
    auto own = {old.uid, old.euid, old.suid};
    if (!old.can(CAP_SETUID) && (!one_of(real, own) || !one_of(effective, own) || !one_of(saved, own)))
        return err::perm;
    auto who = TRY(old.clone());
    if (real != ids::no_user) who->uid = real;
    if (effective != ids::no_user) who->euid = effective;
    if (saved != ids::no_user) who->suid = saved;
    who->fsuid = who->euid;
    adjust_capabilities(old, *who);
    return commit(task, std::move(who));
}
Result<> setresgid(Task& task, u32 real_id, u32 effective_id, u32 saved_id) {
    const Credentials& old = task.credentials();
    Kgid real = TRY(old.kgid(real_id)), effective = TRY(old.kgid(effective_id)), saved = TRY(old.kgid(saved_id));
    auto own = {old.gid, old.egid, old.sgid};
    if (!old.can(CAP_SETGID) && (!one_of(real, own) || !one_of(effective, own) || !one_of(saved, own)))
        return err::perm;
    auto who = TRY(old.clone());
    if (real != ids::no_group) who->gid = real;
    if (effective != ids::no_group) who->egid = effective;
    if (saved != ids::no_group) who->sgid = saved;
    who->fsgid = who->egid;
    return commit(task, std::move(who));
}

/// Both return the old id whatever happens.
Result<u32> setfsuid(Task& task, u32 id) {
    const Credentials& old = task.credentials();
    u32 before = old.shown(old.fsuid);
    Kuid uid = old.kuid(id).value_or(ids::no_user);
    if (uid == ids::no_user || (!one_of(uid, {old.uid, old.euid, old.suid, old.fsuid}) && !old.can(CAP_SETUID)))
        return before;
    auto who = old.clone();
    if (!who) return before;
    (*who)->fsuid = uid;
    if (!(old.securebits & issecure_mask(SECURE_NO_SETUID_FIXUP))) {
        Kuid root = old.root();
        if (old.fsuid == root && uid != root) (*who)->effective &= ~file_capabilities;
        if (old.fsuid != root && uid == root) (*who)->effective |= (*who)->permitted & file_capabilities;
    }
    (void)commit(task, std::move(*who));
    return before;
}
Result<u32> setfsgid(Task& task, u32 id) {
    const Credentials& old = task.credentials();
    u32 before = old.shown(old.fsgid);
    Kgid gid = old.kgid(id).value_or(ids::no_group);
    if (gid == ids::no_group || (!one_of(gid, {old.gid, old.egid, old.sgid, old.fsgid}) && !old.can(CAP_SETGID)))
        return before;
    auto who = old.clone();
    if (!who) return before;
    (*who)->fsgid = gid;
    (void)commit(task, std::move(*who));
    return before;
}

Result<int> getgroups(Task& task, int size, UserPtr<u32> list) {
    const Credentials& me = task.credentials();
    int count = static_cast<int>(me.groups.size());
    if (size < 0) return err::inval;
    if (size == 0) return count;
    if (size < count) return err::inval;
    auto shown = TRY(me.shown_groups(me));
    TRY(copy_out(list, std::span<const u32>{shown}));
    return count;
}
Result<> setgroups(Task& task, int size, UserPtr<const u32> list) {
    if (!task.credentials().can(CAP_SETGID)) return err::perm;
    if (size < 0 || size > 65536) return err::inval;
    auto who = TRY(task.credentials().clone());
    Vector<u32> wanted;
    TRY(wanted.resize(static_cast<usize>(size)));
    TRY(copy_in<const u32>(std::span<u32>{wanted}, list));
    TRY(who->groups.resize(wanted.size()));
    for (usize i = 0; i < wanted.size(); i++) {
        who->groups[i] = TRY(who->kgid(wanted[i]));
        if (who->groups[i] == ids::no_group) return err::inval;
    }
    // A comparison of our own: for the default one libc++ expects an instance in its library, which the kernel has not.
    who->sort_groups();
    return commit(task, std::move(who));
}

namespace {
/// How many pairs of words the version has. An unknown one is answered with the newest.
Result<unsigned> capability_words(UserPtr<__user_cap_header_struct> header, int& pid) {
    auto h = TRY(copy_in(header));
    pid = h.pid;
    switch (h.version) {
    case _LINUX_CAPABILITY_VERSION_1: return 1;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3: return 2;
    default: TRY(copy_out(header.as<u32>(), u32{_LINUX_CAPABILITY_VERSION_3})); return err::inval;
    }
}
} // namespace

Result<> capget(Task& task, UserPtr<__user_cap_header_struct> header, UserPtr<__user_cap_data_struct> data) {
    int pid = 0;
    auto words = capability_words(header, pid);
    if (!words) return !data && words.error() == Errno::inval ? Result<>{} : std::unexpected(words.error());
    if (pid < 0) return err::inval;
    Ref<const Credentials> who = task.credentials_ref();
    if (pid && pid != task.tid()) who = TRY(process::find_task(task.pids(), pid))->credentials_ref();
    if (!data) return {};
    __user_cap_data_struct out[2]{};
    for (unsigned i = 0; i < 2; i++) {
        out[i].effective = static_cast<u32>(who->effective >> 32 * i);
        out[i].permitted = static_cast<u32>(who->permitted >> 32 * i);
        out[i].inheritable = static_cast<u32>(who->inheritable >> 32 * i);
    }
    return copy_out(data, std::span<const __user_cap_data_struct>{out, *words});
}

Result<> capset(Task& task, UserPtr<__user_cap_header_struct> header, UserPtr<const __user_cap_data_struct> data) {
    int pid = 0;
    unsigned words = TRY(capability_words(header, pid));
    if (pid && pid != task.tid()) return err::perm;
    __user_cap_data_struct in[2]{};
    TRY(copy_in<const __user_cap_data_struct>(std::span{in, words}, data));
    CapabilitySet effective = 0, permitted = 0, inheritable = 0;
    for (unsigned i = 0; i < words; i++) {
        effective |= u64{in[i].effective} << 32 * i;
        permitted |= u64{in[i].permitted} << 32 * i;
        inheritable |= u64{in[i].inheritable} << 32 * i;
    }
    effective &= all_capabilities, permitted &= all_capabilities, inheritable &= all_capabilities;
    const Credentials& old = task.credentials();
    if (!old.can(CAP_SETPCAP) && inheritable & ~(old.inheritable | old.permitted)) return err::perm;
    if (inheritable & ~(old.inheritable | old.bounding)) return err::perm;
    if (permitted & ~old.permitted || effective & ~permitted) return err::perm;
    auto who = TRY(old.clone());
    who->effective = effective;
    who->permitted = permitted;
    who->inheritable = inheritable;
    who->ambient &= permitted & inheritable;
    return commit(task, std::move(who));
}

namespace {
Result<> change_limit(Task& task, Process& process, u32 resource, const rlimit64& wanted) {
    if (wanted.rlim_cur > wanted.rlim_max) return err::inval;
    Limit old = process.limits.get(resource);
    if (wanted.rlim_max > old.hard && !task.credentials().can_everywhere(CAP_SYS_RESOURCE)) return err::perm;
    if (resource == RLIMIT_NOFILE && wanted.rlim_max > 1'048'576) return err::perm; // fs.nr_open
    process.limits.set(resource, {wanted.rlim_cur, wanted.rlim_max});
    if (resource == RLIMIT_CPU) process.timers->limit_cpu_time();
    if (resource == RLIMIT_RTTIME) process.timers->limit_realtime();
    process::memory_limits_changed(process);
    return {};
}
/// prlimit(2): the same user and group in all three ids, or CAP_SYS_RESOURCE.
Result<> may_limit(Task& task, Process& process) {
    const Credentials& me = task.credentials();
    if (&process == &task.process() || me.can_everywhere(CAP_SYS_RESOURCE)) return {};
    auto who = TRY(process::credentials_of(process));
    if (me.can_in(who->users.get(), CAP_SYS_RESOURCE)) return {};
    bool same = me.uid == who->uid && me.uid == who->euid && me.uid == who->suid && me.gid == who->gid &&
                me.gid == who->egid && me.gid == who->sgid;
    return same ? Result<>{} : err::perm;
}
} // namespace

Result<> getrlimit(Task& task, u32 resource, UserPtr<rlimit64> to) {
    if (resource >= RLIM_NLIMITS) return err::inval;
    Limit limit = task.process().limits.get(resource);
    return copy_out(to, rlimit64{limit.soft, limit.hard});
}
Result<> setrlimit(Task& task, u32 resource, UserPtr<const rlimit64> from) {
    if (resource >= RLIM_NLIMITS) return err::inval;
    return change_limit(task, task.process(), resource, TRY(copy_in(from)));
}
Result<> prlimit64(Task& task, int pid, u32 resource, UserPtr<const rlimit64> to_set, UserPtr<rlimit64> old) {
    if (resource >= RLIM_NLIMITS) return err::inval;
    rlimit64 wanted{};
    if (to_set) wanted = TRY(copy_in(to_set));
    auto process = pid ? TRY(process::find(task.pids(), pid)) : Ref<Process>::share(&task.process());
    TRY(may_limit(task, *process));
    Limit before = process->limits.get(resource);
    if (to_set) TRY(change_limit(task, *process, resource, wanted));
    if (!old) return {};
    return copy_out(old, rlimit64{before.soft, before.hard});
}
} // namespace linux_abi::sys
