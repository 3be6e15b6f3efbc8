#include "abi/linux/sys/process.h"
#include "kernel/process/task.h"
#include <cstring>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

namespace linux_abi::sys {
namespace {
Result<Ref<Credentials>> changed(Task& task) { return task.credentials().clone(); }

Result<i64> ambient(Task& task, u64 what, u64 capability, u64 fourth, u64 fifth) {
    if (fourth || fifth) return err::inval;
    const Credentials& now = task.credentials();
    if (what == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (capability) return err::inval;
        auto who = TRY(changed(task));
        who->ambient = 0;
        task.set_credentials(std::move(who));
        return 0;
    }
    if (capability > CAP_LAST_CAP) return err::inval;
    CapabilitySet bit = CapabilitySet{1} << capability;
    if (what == PR_CAP_AMBIENT_IS_SET) return now.ambient & bit ? 1 : 0;
    if (what != PR_CAP_AMBIENT_RAISE && what != PR_CAP_AMBIENT_LOWER) return err::inval;
    if (what == PR_CAP_AMBIENT_RAISE &&
        (!(now.permitted & now.inheritable & bit) || now.securebits & issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE)))
        return err::perm;
    auto who = TRY(changed(task));
    who->ambient = what == PR_CAP_AMBIENT_RAISE ? who->ambient | bit : who->ambient & ~bit;
    task.set_credentials(std::move(who));
    return 0;
}

Result<i64> drop_bounding(Task& task, u64 capability) {
    if (!task.credentials().can(CAP_SETPCAP)) return err::perm;
    if (capability > CAP_LAST_CAP) return err::inval;
    auto who = TRY(changed(task));
    who->bounding &= ~(CapabilitySet{1} << capability);
    task.set_credentials(std::move(who));
    return 0;
}

Result<i64> set_securebits(Task& task, u64 bits) {
    const Credentials& now = task.credentials();
    u64 locked = now.securebits & SECURE_ALL_LOCKS;
    if (bits & ~u64{SECURE_ALL_LOCKS | SECURE_ALL_BITS} || locked & ~bits || (locked >> 1 & (now.securebits ^ bits)) ||
        !now.can(CAP_SETPCAP))
        return err::perm;
    auto who = TRY(changed(task));
    who->securebits = static_cast<u32>(bits);
    task.set_credentials(std::move(who));
    return 0;
}

Result<i64> set_keep_capabilities(Task& task, u64 on) {
    if (on > 1) return err::inval;
    if (task.credentials().securebits & issecure_mask(SECURE_KEEP_CAPS_LOCKED)) return err::perm;
    auto who = TRY(changed(task));
    u32 bit = issecure_mask(SECURE_KEEP_CAPS);
    who->securebits = on ? who->securebits | bit : who->securebits & ~bit;
    task.set_credentials(std::move(who));
    return 0;
}

Result<i64> set_name(Task& task, uptr from) {
    char name[16];
    auto n = arch::copy_string_in(name, from, sizeof name);
    if (!n && n.error() != Errno::nametoolong) return std::unexpected(n.error());
    if (!n) TRY(arch::copy_in(name, from, 15)); // longer ones are cut
    task.name.assign({name, n ? *n : 15});
    return 0;
}
Result<i64> get_name(Task& task, uptr to) {
    char name[16]{};
    std::string_view now = task.name.view();
    std::memcpy(name, now.data(), now.size());
    TRY(arch::copy_out(to, name, sizeof name));
    return 0;
}

Result<i64> set_dumpable(Task& task, u64 value) {
    if (value > 1) return err::inval;
    task.process().dumpable = value != 0;
    return 0;
}

Result<i64> no_new_privileges(Task& task) {
    auto who = TRY(changed(task));
    who->no_new_privileges = true;
    task.set_credentials(std::move(who));
    return 0;
}
Result<i64> subreaper(Task& task, bool on) {
    process::TreeLock tree;
    task.process().kin(tree).child_subreaper = on;
    return 0;
}
bool is_subreaper(Task& task) {
    process::TreeLock tree;
    return task.process().kin(tree).child_subreaper;
}
constexpr bool has_tsc = arch::syscall_numbers == arch::SyscallNumbers::x86_64;

Result<i64> put_int(uptr to, int value) {
    TRY(copy_out(UserPtr<int>{to}, value));
    return 0;
}
} // namespace

Result<i64> prctl(Task& task, int option, u64 a, u64 b, u64 c, u64 d) {
    const Credentials& who = task.credentials();
    switch (option) {
    case PR_SET_PDEATHSIG:
        if (a > signal_count) return err::inval;
        task.parent_death_signal = static_cast<int>(a);
        return 0;
    case PR_GET_PDEATHSIG: return put_int(a, task.parent_death_signal);
    case PR_GET_DUMPABLE: return task.process().dumpable ? 1 : 0;
    case PR_SET_DUMPABLE: return set_dumpable(task, a);
    case PR_GET_KEEPCAPS: return who.securebits & issecure_mask(SECURE_KEEP_CAPS) ? 1 : 0;
    case PR_SET_KEEPCAPS: return set_keep_capabilities(task, a);
    case PR_SET_NAME: return set_name(task, a);
    case PR_GET_NAME: return get_name(task, a);
    case PR_GET_TIMING: return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING: return a == PR_TIMING_STATISTICAL ? Result<i64>{0} : err::inval;
    case PR_GET_SECCOMP: return 0;
    case PR_CAPBSET_READ:
        if (a > CAP_LAST_CAP) return err::inval;
        return who.bounding >> a & 1;
    case PR_CAPBSET_DROP: return drop_bounding(task, a);
    case PR_GET_SECUREBITS: return who.securebits;
    case PR_SET_SECUREBITS: return set_securebits(task, a);
    case PR_GET_TIMERSLACK: return static_cast<i64>(task.timer_slack_ns);
    case PR_SET_TIMERSLACK: return task.timer_slack_ns = a ? a : task.default_timer_slack_ns, 0;
    case PR_SET_CHILD_SUBREAPER: return subreaper(task, a != 0);
    case PR_GET_CHILD_SUBREAPER: return put_int(a, is_subreaper(task));
    case PR_SET_NO_NEW_PRIVS: return a != 1 || b || c || d ? Result<i64>{err::inval} : no_new_privileges(task);
    case PR_GET_NO_NEW_PRIVS: return a || b || c || d ? Result<i64>{err::inval} : Result<i64>{who.no_new_privileges};
    case PR_GET_TID_ADDRESS: TRY(copy_out(UserPtr<uptr>{a}, task.clear_child_tid)); return 0;
    case PR_CAP_AMBIENT: return ambient(task, a, b, c, d);
    case PR_SET_THP_DISABLE:
        if (b || c || d) return err::inval;
        AddressSpace::of(task)->disable_huge_pages(a != 0);
        return 0;
    case PR_GET_THP_DISABLE:
        return a || b || c || d ? Result<i64>{err::inval} : Result<i64>{AddressSpace::of(task)->huge_pages_disabled()};
    // Neither is supported; who may not do them hears that first.
    case PR_SET_MM:
        if (a == PR_SET_MM_MAP || a == PR_SET_MM_MAP_SIZE) return err::inval;
        [[fallthrough]];
    case PR_SET_IO_FLUSHER:
    case PR_GET_IO_FLUSHER: return who.can_everywhere(CAP_SYS_RESOURCE) ? err::inval : err::perm;
    case PR_GET_TSC:
        if (!has_tsc) return err::inval;
        return put_int(a, PR_TSC_ENABLE);
    case PR_SET_TSC: return has_tsc && a == PR_TSC_ENABLE ? Result<i64>{0} : err::inval;
    default: return err::inval;
    }
}

Result<i64> arch_prctl(Task& task, int code, uptr address) {
    arch::TrapFrame& frame = arch::user_frame(task);
    return arch::machine_control(frame, task.user_state, code, address);
}
} // namespace linux_abi::sys
