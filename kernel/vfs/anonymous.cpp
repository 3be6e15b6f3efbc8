// Inodes of files that have no name: pipes, sockets, epoll. They live in one superblock that is mounted nowhere.
#include "kernel/vfs/anonymous.h"
#include "kernel/file/current.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/operations.h"
#include <linux/magic.h>
#include <linux/stat.h>

namespace vfs {
namespace {
class AnonymousInode final : public Inode {
public:
    AnonymousInode(Superblock& sb, const Attributes& a) : Inode{sb, a.number, a.mode}, attributes_{a} {
        attributes_.access = attributes_.modification = attributes_.change = now();
    }
    Attributes attributes() override {
        Holding hold{lock_};
        return attributes_;
    }
    Result<> change(const AttributeChange& c) override {
        Holding hold{lock_};
        if (c.set & AttributeChange::size_bit) return err::inval;
        if (c.set & AttributeChange::mode_bit) attributes_.mode = type_ | (c.mode & 07777);
        if (c.set & AttributeChange::uid_bit) attributes_.uid = c.uid;
        if (c.set & AttributeChange::gid_bit) attributes_.gid = c.gid;
        if (c.set & AttributeChange::access_bit) attributes_.access = c.access;
        if (c.set & AttributeChange::modification_bit) attributes_.modification = c.modification;
        attributes_.change = now();
        return {};
    }

private:
    Attributes attributes_; // under lock_
};

class AnonymousSuperblock final : public Superblock {
public:
    AnonymousSuperblock(u64 magic, std::string_view name) : magic_{magic}, name_{name} {}
    Result<Ref<Inode>> root() override { return make(S_IFIFO, Kuid{0}, Kgid{0}, 0); } // nobody walks from here
    Statistics statistics() override { return {.type = magic_}; }
    std::string_view type_name() const override { return name_; }
    Result<Ref<Inode>> make(u32 mode, Kuid uid, Kgid gid, u64 device) {
        u64 number = next_.fetch_add(1, std::memory_order_relaxed);
        return TRY(make_ref<AnonymousInode>(
            *this, Attributes{.number = number, .mode = mode, .uid = uid, .gid = gid, .device = device}));
    }

private:
    std::atomic<u64> next_ = 1;
    u64 magic_;
    std::string_view name_;
};

struct Anonymous {
    Ref<AnonymousSuperblock> superblock;
    Ref<MountTree> tree;
    Result<> init(u64 magic, std::string_view name) {
        superblock = TRY(make_ref<AnonymousSuperblock>(magic, name));
        tree = TRY(MountTree::create(superblock, "none", 0));
        return {};
    }
};
struct Kinds {
    Anonymous pipes, sockets, others;
};
constinit Kinds* kinds = nullptr;
} // namespace

Result<> init_anonymous() {
    auto made = TRY(make<Kinds>());
    TRY(made->pipes.init(PIPEFS_MAGIC, "pipefs"));
    TRY(made->sockets.init(SOCKFS_MAGIC, "sockfs"));
    TRY(made->others.init(ANON_INODE_FS_MAGIC, "anon_inodefs"));
    kinds = made.release();
    return {};
}

Result<Ref<Inode>> make_anonymous_inode(u32 mode) {
    const Credentials& who = *file::credentials();
    auto& kind = S_ISFIFO(mode) ? kinds->pipes : S_ISSOCK(mode) ? kinds->sockets : kinds->others;
    return kind.superblock->make(mode, who.fsuid, who.fsgid, 0);
}
Result<Ref<Inode>> make_anonymous_device(u32 mode, u64 device) {
    return kinds->others.superblock->make(S_IFCHR | mode, Kuid{0}, Kgid{0}, device);
}

namespace {
/// Null: the inode has a name somewhere.
Anonymous* kind_of(Inode& inode) {
    for (Anonymous* kind : {&kinds->pipes, &kinds->sockets, &kinds->others})
        if (&inode.superblock() == kind->superblock.get()) return kind;
    return nullptr;
}
} // namespace

Result<Path> anonymous_path(Inode& inode) {
    Anonymous* kind = kind_of(inode);
    return Path{(kind ? *kind : kinds->others).tree->root().mount,
                TRY(DentryCache::make_root(Ref<Inode>::share(&inode)))};
}
bool is_anonymous(const Path& path) { return kind_of(path.inode()); }
} // namespace vfs
