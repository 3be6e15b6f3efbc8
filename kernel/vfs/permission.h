// Who may do what: mode bits, capabilities, the sticky bit, read-only mounts.
#pragma once
#include "kernel/vfs/operations.h"

namespace vfs {
inline constexpr unsigned may_execute = 1, may_write = 2, may_read = 4;

/// What mode bits and capabilities say.
bool permits(Protection, const Credentials&, unsigned may, bool real);
/// permits() for searching a directory: most let everybody do that, or at least their owner (file: stat, path of 8
/// components).
inline bool permits_search(Protection p, const Credentials& who, bool real) {
    if ((p.mode & 0111) == 0111) return true;
    if (!real && p.uid == who.fsuid && p.mode & 0100) return true;
    return permits(p, who, may_execute, real);
}
/// That, the inode's own permission(), and for writing err::perm: immutable. `real`: the real ids and what capabilities
/// they would have, as access(2) asks.
Result<> check_mode(Inode&, const Credentials&, unsigned may, bool real = false);
/// That and read-only file systems: err::rofs.
Result<> check_inode(const Path&, const Credentials&, unsigned may, bool real = false);
/// The owner, or CAP_FOWNER.
bool owns(Inode&, const Credentials&);
/// A name may be made in / `victim` removed from `directory`. err::perm: the sticky bit, or a flag of either.
Result<> may_create(const Path& directory, const Credentials&);
Result<> may_remove(const Path& directory, const Dentry& victim, const Credentials&, bool want_directory);
/// chmod by somebody outside of the group clears set-group-ID; what a new inode gets from its directory and the umask.
NewInode new_inode(const Path& directory, const Credentials&, u32 mode, u32 umask);
// Names that somebody else may have put there to lead a privileged program astray: proc_sys_fs(5), protected_*.
/// Follows the symbolic link at the end of a path, which stands in `directory`. err::acces.
Result<> may_follow(Inode& directory, Inode& link, const Credentials&);
/// Opens with O_CREAT what stood in `directory` before. err::acces.
Result<> may_open_existing(Inode& directory, Inode& found, const Credentials&);
/// Gives an inode another name. err::perm.
Result<> may_link(Inode&, const Credentials&);
/// A file was read: its access time, as the mount's flags want it.
void touch_access(const Path&);
/// What a write or truncation takes away: file capabilities and, without CAP_FSETID, set-user-ID and set-group-ID. The
/// event that this is: IN_ATTRIB, or 0.
Result<u32> take_privileges(Inode&, const Credentials*);
inline Result<u32> drop_privileges(Inode& inode, const Credentials* who) {
    return inode.carries_privileges() ? take_privileges(inode, who) : 0;
}
/// File capabilities alone, which chown takes whoever does it.
Result<> drop_capabilities(Inode&);
} // namespace vfs
