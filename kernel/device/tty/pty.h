// Pseudo-terminals, pty(7): a terminal (the slave) whose wire is a file (the master). A devpts file system shows the
// slaves of one set of them; sets do not see one another.
#pragma once
#include "kernel/device/tty/terminal.h"
#include "kernel/vfs/inode.h"

namespace tty {
class Pty;

/// What the slave's node shows: chown(1) and chmod(1) change it.
struct NodeAttributes {
    Kuid uid{0};
    Kgid gid{0};
    u32 mode = 0600;
    vfs::Timestamp created, changed;
};

/// The pseudo-terminals of one devpts.
class PtySet : public RefCounted<PtySet> {
public:
    // From mount options; constant afterwards. no_user, no_group: the opener's.
    Kuid uid = ids::no_user;
    Kgid gid = ids::no_group;
    u32 mode = 0600, ptmx_mode = 0, most = 4096;

    /// A new pair: the master's file. err::nospc: too many. `root`: of the devpts.
    Result<Ref<File>> open_master(const vfs::Path& place, const vfs::Path& root, u32 flags);
    /// err::noent: no such number, or its master is closed.
    Result<Ref<Terminal>> find(u32 number);
    /// The first at or after `from`. err::noent: none.
    Result<u32> next(u32 from);
    void remove(u32 number); // by the master

private:
    Guarded<Vector<Ref<Terminal>>, Mutex<Rank::tty>> terminals_;
};

Result<NodeAttributes> node_attributes(Terminal&);
Result<> set_node_attributes(Terminal&, const vfs::AttributeChange&);

/// What fs/devpts derives its superblock from, so that a device number can be found in it.
class PtySuperblock : public vfs::Superblock {
public:
    PtySuperblock() : vfs::Superblock{1024} {}
    static constexpr std::string_view name = "devpts";
    std::string_view type_name() const final { return name; }
    Ref<PtySet> ptys;
};

/// Opens /dev/ptmx: in a devpts, or beside the directory "pts" on which one is mounted. err::nodev, err::nospc.
Result<Ref<File>> open_multiplexer(const vfs::Path& place, u32 flags);
/// Opens a slave's node. err::io: locked; err::nxio: not in a devpts.
Result<Ref<File>> open_slave(const vfs::Path& place, u32 number, u32 flags);
} // namespace tty
