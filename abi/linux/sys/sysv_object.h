// What the calls on the three kinds of System V objects share.
#pragma once
#include "abi/linux/sys/sysv.h"
#include "kernel/ipc/sysv/namespace.h"

namespace linux_abi::sys {
inline Result<sysv::Namespace*> objects_of(Task& task) { return sysv::Namespace::in(*task.view().ipc); }

inline void fill_owner(Task& task, ipc64_perm& to, sysv::Object& object) {
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

/// IPC_STAT and *_STAT, `any`: the command of the kind that asks for no permission. IPC_STAT has an id, the others a
/// place. `fill_in(object, shown)`.
template <class T, class Shown>
Result<int> show(sysv::Table<T>& table, int id, int command, int any, UserPtr<Shown> to, auto fill_in) {
    Ref<T> object = command == IPC_STAT ? TRY(table.find(id)) : table.find_at(static_cast<unsigned>(id) % table.most);
    if (!object) return err::inval;
    if (command != any) TRY(object->permit(0444));
    Shown shown{};
    fill_in(*object, shown);
    TRY(copy_out_zeroed(to, shown));
    return command == IPC_STAT ? 0 : object->id;
}
/// The object of IPC_SET and IPC_RMID.
template <class T>
Result<Ref<T>> find_to_change(sysv::Table<T>& table, int id) {
    auto found = TRY(table.find(id));
    TRY(found->permit_change());
    return found;
}
} // namespace linux_abi::sys
