#include "kernel/process/exec/load.h"
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <linux/stat.h>

namespace exec {
namespace {
/// The set-user-ID and set-group-ID bits of the file, where they count.
void apply_set_id_bits(const vfs::Path& path, Credentials& who) {
    if (path.mount->flags & MS_NOSUID || who.no_new_privileges) return;
    vfs::Attributes of = path.inode().attributes();
    if (of.mode & S_ISUID) who.euid = of.uid;
    if ((of.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) who.egid = of.gid;
}

/// capabilities(7), "Transformation of capabilities during execve()", without file capabilities: only root's rules.
void transform_capabilities(const Credentials& old, Credentials& who) {
    bool changed_ids = who.euid != old.euid || who.egid != old.egid;
    if (changed_ids) who.ambient = 0;
    CapabilitySet file_inheritable = 0, file_permitted = 0;
    bool file_effective = false;
    if (!(who.securebits & issecure_mask(SECURE_NOROOT))) {
        if (who.euid == 0 || who.uid == 0) file_inheritable = file_permitted = all_capabilities;
        if (who.euid == 0) file_effective = true;
    }
    who.permitted = (old.inheritable & file_inheritable) | (file_permitted & old.bounding) | who.ambient;
    who.effective = file_effective ? who.permitted : who.ambient;
}
} // namespace

Result<> choose_credentials(Task& task, File& program, Loaded& loaded) {
    auto old = task.credentials_ref();
    Ref<Credentials> who = TRY(old->clone());
    if (const vfs::Path* path = program.path()) apply_set_id_bits(*path, *who);
    transform_capabilities(*old, *who);
    who->suid = who->fsuid = who->euid;
    who->sgid = who->fsgid = who->egid;
    who->securebits &= ~u32{issecure_mask(SECURE_KEEP_CAPS)};
    loaded.secure = who->euid != old->uid || who->egid != old->gid || (who->uid != 0 && who->effective & ~who->ambient);
    loaded.credentials = std::move(who);
    return {};
}
} // namespace exec
