#include "kernel/vfs/mount.h"
#include "kernel/vfs/buckets.h"
#include "kernel/vfs/dentry.h"
#include <linux/mount.h>

namespace vfs {
namespace {
constinit std::atomic<int> next_id = 1;

/// All mounts by the place they stand on, the newest first: crossing costs the same however many there are.
constinit Buckets<Mount> mounts_by_place;
constinit Spinlock<Rank::dentry> table_lock;
std::atomic<Mount*>& bucket_of(const Mount* below, const Dentry* place) {
    u64 mixed = (reinterpret_cast<uptr>(below) ^ std::rotl(reinterpret_cast<uptr>(place), 20)) * 0x9e37'79b9'7f4a'7c15;
    return mounts_by_place[mounts_by_place.index(mixed >> 40)];
}
} // namespace

Result<> init_mount_table() { return mounts_by_place.init(512 * KiB, 256, 16'384); }

const u32 mount_flag_mask = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME |
                            MS_STRICTATIME | MS_NOSYMFOLLOW;

Path::Path(const Path&) = default;
void drop_mount(Mount* mount) { delete Ref<Mount>::adopt(mount).drop_last(); }

Result<Ref<Mount>> Mount::create(Ref<Superblock> sb, Ref<Dentry> root, std::string_view source, u32 flags) {
    auto* made = new (std::nothrow) Mount;
    if (!made) return err::nomem;
    auto m = Ref<Mount>::adopt(made);
    m->source = TRY(String::create(source));
    m->superblock = std::move(sb);
    m->superblock->mounts.fetch_add(1, std::memory_order_relaxed);
    m->root = std::move(root);
    m->top_ = m->root.get();
    m->flags = flags & mount_flag_mask;
    m->id = next_id.fetch_add(1, std::memory_order_relaxed);
    return m;
}

void Mount::operator delete(void* memory) { epoch::retire(memory); }

Mount::~Mount() {
    if (!superblock) return;
    root = nullptr;
    if (superblock->mounts.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    Ref<Dentry> last;
    std::swap(last, *superblock->root_dentry.lock());
    DentryCache::drop_unused(*superblock);
}

bool Mount::read_only() const {
    return (flags.load(std::memory_order_relaxed) & MS_RDONLY) || superblock->read_only.load(std::memory_order_relaxed);
}

Path Mount::mounted_on() const {
    Holding hold{lock_};
    return mounted_on_;
}

Mount* Mount::glimpse_at(const Dentry& here) const {
    Mount* m = bucket_of(this, &here).load(std::memory_order_acquire);
    for (; m; m = m->next_.load(std::memory_order_acquire))
        if (m->place_.load(std::memory_order_relaxed) == &here && m->below_.load(std::memory_order_relaxed) == this)
            return m;
    return nullptr;
}

Ref<Mount> Mount::mounted_at(const Dentry& here) const {
    if (!here.is_mount_point()) return nullptr;
    Holding hold{table_lock};
    return Ref<Mount>::share(glimpse_at(here)); // the tree's reference is there while the table has it
}

/// The tree's mutex is held. A mount is in the table and on its parent's list exactly while it has a place.
void Mount::attach(MountTree& tree, const Path& where) {
    tree_ = &tree;
    if (!where) return;
    where.dentry->mounts_.fetch_add(1, std::memory_order_release);
    {
        Holding hold{lock_};
        mounted_on_ = where;
    }
    {
        Holding hold{where.mount->lock_};
        where.mount->children_.push_back(*this);
    }
    DentryCache::Moving moving;
    Holding hold{table_lock};
    auto& bucket = bucket_of(where.mount.get(), where.dentry.get());
    below_.store(where.mount.get(), std::memory_order_relaxed);
    place_.store(where.dentry.get(), std::memory_order_relaxed);
    next_.store(bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    bucket.store(this, std::memory_order_release);
}

void Mount::detach() {
    Path place = mounted_on();
    if (!place) return;
    {
        DentryCache::Moving moving;
        Holding hold{table_lock};
        std::atomic<Mount*>* link = &bucket_of(place.mount.get(), place.dentry.get());
        while (link->load(std::memory_order_relaxed) != this) link = &link->load(std::memory_order_relaxed)->next_;
        link->store(next_.load(std::memory_order_relaxed), std::memory_order_release);
        below_.store(nullptr, std::memory_order_relaxed);
    }
    {
        Holding hold{place.mount->lock_};
        place.mount->children_.erase(place.mount->children_.iterator_to(*this));
    }
    place.dentry->mounts_.fetch_sub(1, std::memory_order_release);
    Path old; // dropped after the lock
    Holding hold{lock_};
    std::swap(mounted_on_, old);
}

Result<Ref<Dentry>> root_dentry(Superblock& sb) {
    if (auto there = *sb.root_dentry.lock()) return there;
    auto made = TRY(DentryCache::make_root(TRY(sb.root())));
    auto kept = sb.root_dentry.lock();
    if (!*kept) *kept = made;
    return *kept;
}

Result<Ref<MountTree>> MountTree::create(Ref<Superblock> sb, std::string_view source, u32 flags) {
    auto tree = TRY(make_ref<MountTree>());
    auto root = TRY(root_dentry(*sb));
    auto m = TRY(Mount::create(std::move(sb), std::move(root), source, flags));
    auto mounts = tree->mounts_.lock();
    mounts->root = m;
    TRY(tree->add(*mounts, {}, std::move(m)));
    return tree;
}

MountTree::~MountTree() {
    Mounts& mounts = mounts_.unguarded();
    mounts.root = nullptr;
    while (!mounts.all.empty()) {
        Mount& m = mounts.all.front();
        mounts.all.pop_front();
        m.detach();
        m.tree_ = nullptr;
        Ref<Mount>::adopt(&m);
    }
}

Result<> MountTree::add(Mounts& mounts, const Path& where, Ref<Mount> m) {
    if (mounts.count >= max_mounts) return err::nospc;
    mounts.count++;
    m->attach(*this, where);
    if (where) DentryCache::pin(*where.dentry);
    mounts.all.push_back(*m.release());
    tell_changed();
    return {};
}

void MountTree::remove(Mounts& mounts, Mount& m) {
    m.detach();
    m.tree_ = nullptr;
    mounts.all.erase(mounts.all.iterator_to(m));
    mounts.count--;
    tell_changed();
    Ref<Mount>::adopt(&m);
}

bool MountTree::is_below(const Mount& below, const Mount& above) {
    if (&below == &above) return true;
    for (Path at = below.mounted_on(); at; at = at.mount->mounted_on())
        if (at.mount == &above) return true;
    return false;
}

/// Removes the mounts below `top`, and `top`; those on top of others first.
void MountTree::remove_with_all_below(Mounts& mounts, Mount& top) {
    auto keep = Ref<Mount>::share(&top);
    for (bool again = true; again;) {
        again = false;
        for (Mount& m : mounts.all)
            if (&m != &top && m.children_.empty() && is_below(m, top)) {
                remove(mounts, m);
                again = true;
                break;
            }
    }
    remove(mounts, top);
}

Path MountTree::root() {
    auto mounts = mounts_.lock();
    return {mounts->root, mounts->root->root};
}

/// What every new mount asks of its place.
Result<> MountTree::check_place(const Path& where, const Dentry& root) const {
    if (!contains(*where.mount)) return err::inval;
    if (where.dentry->unlinked()) return err::noent;
    if (where.inode().is_directory() != root.inode()->is_directory()) return err::notdir;
    return {};
}

Result<> MountTree::mount(const Path& where, Ref<Superblock> sb, std::string_view source, u32 flags) {
    auto root = TRY(root_dentry(*sb));
    auto m = TRY(Mount::create(std::move(sb), std::move(root), source, flags));
    auto mounts = mounts_.lock();
    TRY(check_place(where, *m->root));
    return add(*mounts, where, std::move(m));
}

/// Copies of `what` and, if wanted, of the mounts below it, not yet in a tree.
Result<Vector<MountTree::Copy>> MountTree::copy_mounts(Mounts& mounts, Mount& top, Ref<Dentry> root, bool recursive) {
    Vector<Copy> copies;
    auto copy = [&](Mount& m, Ref<Dentry> from) -> Result<> {
        auto made = TRY(Mount::create(m.superblock, std::move(from), m.source, m.flags));
        return copies.push({&m, std::move(made)});
    };
    TRY(copy(top, root));
    if (recursive)
        for (Mount& m : mounts.all) {
            if (&m == &top || !is_below(m, top)) continue;
            // Of the mounts right on `top`, those outside of the bound directory do not come along.
            Path at = m.mounted_on();
            while (at && at.mount != &top) at = at.mount->mounted_on();
            if (at && DentryCache::is_below(*at.dentry, *root)) TRY(copy(m, m.root));
        }
    return copies;
}

/// Puts copies where their originals stand, relative to the first one.
Result<> MountTree::attach_copies(Mounts& mounts, Vector<Copy>& copies) {
    for (usize i = 1; i < copies.size(); i++) {
        Path place = copies[i].original->mounted_on();
        for (Copy& parent : copies)
            if (place.mount == parent.original) {
                place.mount = parent.made;
                break;
            }
        TRY(add(mounts, place, copies[i].made));
    }
    return {};
}

Result<> MountTree::bind(const Path& where, const Path& what, bool recursive) {
    return contains(*what.mount) ? graft(where, what, recursive) : Result<>{err::inval};
}

Result<> MountTree::graft(const Path& where, const Path& what, bool recursive) {
    if (what.dentry->unlinked()) return err::noent;
    auto* from = const_cast<MountTree*>(what.mount->tree());
    if (!from) return err::inval;
    Vector<Copy> copies;
    {
        auto theirs = from->mounts_.lock();
        copies = TRY(copy_mounts(*theirs, *what.mount, what.dentry, recursive));
    }
    auto mounts = mounts_.lock();
    TRY(check_place(where, *what.dentry));
    if (mounts->count + copies.size() > max_mounts) return err::nospc;
    TRY(add(*mounts, where, copies[0].made));
    return attach_copies(*mounts, copies);
}

Result<Ref<MountTree>> MountTree::clone() {
    auto tree = TRY(make_ref<MountTree>());
    auto mounts = mounts_.lock();
    auto copies = TRY(copy_mounts(*mounts, *mounts->root, mounts->root->root, true));
    Mounts& made = tree->mounts_.unguarded(); // nobody else has the tree yet
    made.root = copies[0].made;
    for (Copy& c : copies) c.made->copied_from_ = c.original;
    TRY(tree->add(made, {}, copies[0].made));
    TRY(tree->attach_copies(made, copies));
    return tree;
}

Path MountTree::counterpart(const Path& in_original) {
    auto mounts = mounts_.lock();
    for (Mount& m : mounts->all)
        if (in_original.mount == m.copied_from_) return {Ref<Mount>::share(&m), in_original.dentry};
    return in_original;
}

Result<> MountTree::remount(const Path& where, u32 flags, std::string_view options, bool this_mount_only) {
    auto mounts = mounts_.lock();
    Mount& m = *where.mount;
    if (where.dentry != m.root || !contains(m)) return err::inval;
    if (flags & MS_RDONLY && !m.read_only() && m.writers.load(std::memory_order_relaxed)) return err::busy;
    if (!this_mount_only) {
        TRY(m.superblock->reconfigure(options));
        m.superblock->read_only = (flags & MS_RDONLY) != 0;
    }
    m.flags = flags & mount_flag_mask;
    tell_changed();
    return {};
}

Result<> MountTree::change_flags(const Path& where, u32 set, u32 clear, bool recursive) {
    auto mounts = mounts_.lock();
    Mount& top = *where.mount;
    if (where.dentry != top.root || !contains(top)) return err::inval;
    auto concerned = [&](const Mount& m) { return &m == &top || (recursive && is_below(m, top)); };
    for (Mount& m : mounts->all)
        if (concerned(m) && set & MS_RDONLY && !m.read_only() && m.writers.load(std::memory_order_relaxed))
            return err::busy;
    for (Mount& m : mounts->all)
        if (concerned(m)) m.flags = (m.flags & ~clear) | (set & mount_flag_mask);
    tell_changed();
    return {};
}

Result<> MountTree::unmount(const Path& where, unsigned flags) {
    auto mounts = mounts_.lock();
    Mount& m = *where.mount;
    if (where.dentry != m.root || !contains(m)) return err::inval;
    if (mounts->root == &m) return err::busy;
    if (!(flags & unmount_detach)) {
        // The list has a reference and so has the caller; whoever else has one uses it.
        if (!m.children_.empty() || m.ref_count() > 2) return err::busy;
        remove(*mounts, m);
    } else {
        remove_with_all_below(*mounts, m);
    }
    return {};
}

Result<> MountTree::move(const Path& from, const Path& to) {
    auto mounts = mounts_.lock();
    Mount& m = *from.mount;
    if (from.dentry != m.root || !contains(m) || mounts->root == &m) return err::inval;
    TRY(check_place(to, *m.root));
    if (is_below(*to.mount, m)) return err::loop;
    m.detach();
    m.attach(*this, to);
    DentryCache::pin(*to.dentry);
    tell_changed();
    return {};
}

Result<> MountTree::pivot(const Path& new_root, const Path& put_old) {
    auto mounts = mounts_.lock();
    Mount& m = *new_root.mount;
    Ref<Mount> old = mounts->root;
    if (new_root.dentry != m.root || !contains(m) || !contains(*put_old.mount)) return err::inval;
    if (&m == old.get() || put_old.mount == old.get()) return err::busy;
    if (!put_old.inode().is_directory() || !m.root->inode()->is_directory()) return err::notdir;
    if (!is_below(*put_old.mount, m)) return err::inval;
    m.detach();
    mounts->root = Ref<Mount>::share(&m);
    old->attach(*this, put_old);
    DentryCache::pin(*put_old.dentry);
    tell_changed();
    return {};
}
} // namespace vfs
