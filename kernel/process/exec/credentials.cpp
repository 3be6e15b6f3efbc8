// What execve(2) does to credentials: capabilities(7), "Transformation of capabilities during execve()".
#include "kernel/process/exec/load.h"
#include "kernel/vfs/file_capabilities.h"
#include "kernel/vfs/permission.h"
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <linux/stat.h>

namespace exec {
namespace {
void apply_set_id_bits(vfs::Inode& inode, Credentials& who) {
    vfs::Protection of = inode.protection();
    if (!who.maps(of.uid, of.gid)) return; // it could not be shown what it has become
    if (of.mode & S_ISUID) who.euid = of.uid;
    if ((of.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) who.egid = of.gid;
}

/// What file and root's rules permit, without the ambient set. Says whether all of it is effective at once.
/// err::perm: a program that knows nothing of capabilities would not get all that its file asks for.
Result<bool> permit(const Credentials& old, const vfs::FileCapabilities& file, Credentials& who) {
    who.permitted = (file.permitted & old.bounding) | (file.inheritable & old.inheritable);
    if (file.effective && file.permitted & ~who.permitted) return err::perm;
    bool root_rules = !(who.securebits & issecure_mask(SECURE_NOROOT));
    Kuid root = who.root();
    bool set_user_id_root = who.euid == root && who.uid != root;
    if (!root_rules || (file.present && set_user_id_root)) return file.effective;
    if (who.euid == root || who.uid == root) who.permitted = old.bounding | old.inheritable;
    return file.effective || who.euid == root;
}

/// Whether a task of another process has the same working directory, root and umask: it could lead this one astray.
bool shares_places(Task& task, const vfs::FsContext::Closed& places) {
    if (places.users() <= 1) return false;
    u32 own = 0;
    Process& process = task.process();
    auto lock = process.lock_signals();
    for_each_thread(process, lock, [&](Task& t) {
        Holding shares{t.shares_lock};
        own += t.fs == task.fs;
    });
    return places.users() > own;
}
} // namespace

Result<> choose_credentials(Task& task, File& program, Loaded& loaded) {
    auto old = task.credentials_ref();
    Ref<Credentials> who = TRY(old->clone());
    loaded.places = vfs::FsContext::Closed{task.fs};
    const vfs::Path* path = program.path();
    vfs::FileCapabilities file;
    if (path && !(path->mount->flags & MS_NOSUID) && path->inode().carries_privileges()) {
        if (!old->no_new_privileges) apply_set_id_bits(path->inode(), *who);
        file = TRY(vfs::file_capabilities(path->inode(), *old));
    }
    bool effective = TRY(permit(*old, file, *who));
    bool changed_ids = who->euid != old->euid || !old->in_group(who->egid);
    if (changed_ids || who->permitted & ~old->permitted) {
        // No more than it had, where that was promised, or where others could make it do what they want.
        if (old->no_new_privileges || shares_places(task, loaded.places)) {
            if (old->no_new_privileges || !old->can(CAP_SETUID)) {
                who->euid = old->uid;
                who->egid = old->gid;
            }
            who->permitted &= old->permitted;
        }
    }
    who->suid = who->fsuid = who->euid;
    who->sgid = who->fsgid = who->egid;
    if (file.present || changed_ids) who->ambient = 0;
    who->permitted |= who->ambient;
    who->effective = effective ? who->permitted : who->ambient;
    who->securebits &= ~u32{issecure_mask(SECURE_KEEP_CAPS)};
    loaded.secure = changed_ids || who->euid != old->uid || who->egid != old->gid ||
                    (who->uid != who->root() && (effective || who->permitted & ~who->ambient));
    loaded.readable = loaded.readable && may_read(program, *old);
    loaded.credentials = std::move(who);
    return {};
}

bool may_read(File& program, const Credentials& who) {
    const vfs::Path* path = program.path();
    return !path || vfs::check_access(*path, who, vfs::may_read);
}
} // namespace exec
