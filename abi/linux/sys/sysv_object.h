// What the calls on the three kinds of System V objects share.
#pragma once
#include "abi/linux/sys/sysv.h"
#include "kernel/ipc/sysv/namespace.h"

namespace linux_abi::sys {
inline Result<sysv::Namespace*> objects_of(Task& task) { return sysv::Namespace::in(*task.view().ipc); }

inline void fill(Task& task, ipc64_perm& to, sysv::Object& object) {
    const Credentials& who = task.credentials();
    sysv::Owner o = object.owner();
    to.key = object.key;
    to.uid = who.shown(o.uid);
    to.gid = who.shown(o.gid);
    to.cuid = who.shown(o.maker_uid);
    to.cgid = who.shown(o.maker_gid);
    to.mode = o.mode;
    to.seq = static_cast<u16>(static_cast<unsigned>(object.id) / sysv::Places::most);
}
/// IPC_SET's part that all kinds have; permitted. err::inval: an ID has no meaning here.
inline Result<> set_owner(Task& task, sysv::Object& object, const ipc64_perm& from) {
    Kuid uid = TRY(task.credentials().kuid(from.uid));
    Kgid gid = TRY(task.credentials().kgid(from.gid));
    if (uid == ids::no_user || gid == ids::no_group) return err::inval;
    object.set_owner(uid, gid, from.mode);
    return {};
}
inline Pid pid_of(Task& task, const Ref<PidNumber>& number) { return number ? number->in(task.pids()) : 0; }

/// The object that a *_STAT command is about, by id or by place, readable. `any`: no permission is asked for.
template <class T>
Result<Ref<T>> find_to_show(sysv::Table<T>& table, int id, bool by_place, bool any) {
    auto found = by_place ? Result<Ref<T>>{id < 0 ? nullptr : table.find_at(static_cast<unsigned>(id) % table.most)}
                          : table.find(id);
    if (!found || !*found) return err::inval;
    if (!any) TRY((*found)->permit(0444));
    return found;
}
/// The object of IPC_SET and IPC_RMID.
template <class T>
Result<Ref<T>> find_to_change(sysv::Table<T>& table, int id) {
    auto found = TRY(table.find(id));
    TRY(found->permit_change());
    return found;
}
} // namespace linux_abi::sys
