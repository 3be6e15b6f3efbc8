#include "kernel/vfs/mount.h"
#include "core/wait/retire.h"
#include "kernel/vfs/buckets.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/settings.h"
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
    (void)superblock->sync(); // nobody is left to hear of errors
    Ref<Dentry> last;
    std::swap(last, *superblock->root_dentry.lock());
    unmounted(*superblock);
    DentryCache::drop_unused(*superblock);
}

bool Mount::read_only() const {
    return (flags.load(std::memory_order_relaxed) & MS_RDONLY) || superblock->read_only.load(std::memory_order_relaxed);
}

Path Mount::mounted_on() const {
    Holding hold{lock_};
    return mounted_on_;
}

Mount* Mount::mounted_on_rcu(const Dentry& here) const {
    Mount* m = bucket_of(this, &here).load(std::memory_order_acquire);
    for (; m; m = m->next_.load(std::memory_order_acquire))
        if (m->place_.load(std::memory_order_relaxed) == &here && m->below_.load(std::memory_order_relaxed) == this)
            return m;
    return nullptr;
}

Ref<Mount> Mount::mounted_at(const Dentry& here) const {
    if (!here.is_mount_point()) return nullptr;
    Holding hold{table_lock};
    return Ref<Mount>::share(mounted_on_rcu(here)); // the tree's reference is there while the table has it
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
    SeqCount::Writing moving{DentryCache::moves};
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
        SeqCount::Writing moving{DentryCache::moves};
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

Path topmost(Path p) {
    while (auto mount = p.mount->mounted_at(*p.dentry)) {
        p.dentry = mount->root;
        p.mount = std::move(mount);
    }
    return p;
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
    if (mounts.count >= settings.mount_max.load(std::memory_order_relaxed)) return err::nospc;
    mounts.count++;
    m->attach(*this, where);
    if (where) DentryCache::pin(*where.dentry);
    mounts.all.push_back(*m.release());
    notify_changed();
    return {};
}

void MountTree::remove(Mounts& mounts, Mount& m) {
    m.detach();
    m.tree_ = nullptr;
    mounts.all.erase(mounts.all.iterator_to(m));
    mounts.count--;
    notify_changed();
    Ref<Mount>::adopt(&m);
}

bool MountTree::is_below(const Mount& below, const Mount& above) {
    if (&below == &above) return true;
    for (Path at = below.mounted_on(); at; at = at.mount->mounted_on())
        if (at.mount == &above) return true;
    return false;
}

/// Whether `from` is, or lies below, `above`.
bool MountTree::reaches(Path from, const Path& above) {
    while (from.mount != above.mount) {
        from = from.mount->mounted_on();
        if (!from) return false;
    }
    return DentryCache::is_below(*from.dentry, *above.dentry);
}

/// The mount that comes after `m` among those below `top`, parents first; null: it was the last. Without those below
/// `m` itself, if wanted.
Mount* MountTree::next_below(Mount& m, const Mount& top, bool skip_children) {
    if (!skip_children && !m.children_.empty()) return &m.children_.front();
    for (Mount* at = &m; at != &top;) {
        Mount* parent = at->below_.load(std::memory_order_relaxed);
        auto next = std::next(parent->children_.iterator_to(*at));
        if (next != parent->children_.end()) return &*next;
        at = parent;
    }
    return nullptr;
}

/// Removes the mounts below `top`, and `top`; those on top of others first.
void MountTree::remove_with_all_below(Mounts& mounts, Mount& top) {
    auto keep = Ref<Mount>::share(&top);
    for (Mount* at = &top;;) {
        while (!at->children_.empty()) at = &at->children_.front();
        if (at == &top) break;
        Mount* parent = at->below_.load(std::memory_order_relaxed);
        remove(mounts, *at);
        at = parent;
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
    Symlink* link = where.inode().symlink();
    if (where.dentry->unlinked() || (link && link->is_magic())) return err::noent;
    if (where.inode().is_directory() != root.inode()->is_directory()) return err::notdir;
    return {};
}

Result<> MountTree::mount(const Path& where, Ref<Superblock> sb, std::string_view source, u32 flags) {
    auto root = TRY(root_dentry(*sb));
    auto m = TRY(Mount::create(std::move(sb), std::move(root), source, flags));
    auto mounts = mounts_.lock();
    Path place = topmost(where);
    TRY(check_place(place, *m->root));
    return add(*mounts, place, std::move(m));
}

/// Copies of `top` and, if wanted, of the mounts below it, not yet in a tree. The mutex of their tree is held.
/// err::nospc: more than `most`.
Result<Vector<MountTree::Copy>> MountTree::copy_mounts(Mount& top, Ref<Dentry> root, bool recursive, usize most) {
    Vector<Copy> copies;
    auto copy = [&](Mount& m, Ref<Dentry> from, Path place) -> Result<> {
        if (copies.size() >= most) return err::nospc;
        auto made = TRY(Mount::create(m.superblock, std::move(from), m.source, m.flags));
        m.copy_ = made.get();
        auto pushed = copies.push({&m, std::move(made), std::move(place)});
        if (!pushed) m.copy_ = nullptr;
        return pushed;
    };
    auto done = copy(top, root, {});
    for (Mount* m = recursive && done ? next_below(top, top, false) : nullptr; m && done;) {
        Path on = m->mounted_on();
        // Of the mounts right on `top`, those outside of the bound directory do not come along.
        bool wanted = on.mount != &top || DentryCache::is_below(*on.dentry, *root);
        if (wanted) {
            on.mount = Ref<Mount>::share(on.mount->copy_);
            done = copy(*m, m->root, std::move(on));
        }
        m = next_below(*m, top, !wanted);
    }
    for (Copy& c : copies) c.original->copy_ = nullptr;
    TRY(done);
    return copies;
}

/// Puts copies where their originals stand, relative to the first one, which is there.
Result<> MountTree::attach_copies(Mounts& mounts, Vector<Copy>& copies) {
    for (usize i = 1; i < copies.size(); i++) TRY(add(mounts, copies[i].place, copies[i].made));
    return {};
}

Result<> MountTree::bind(const Path& where, const Path& what, bool recursive) {
    return contains(*what.mount) ? graft(where, what, recursive) : Result<>{err::inval};
}

Result<> MountTree::graft(const Path& where, const Path& what, bool recursive) {
    if (what.dentry->unlinked()) return err::noent;
    auto* from = const_cast<MountTree*>(what.mount->tree());
    if (!from) return err::inval;
    usize most = settings.mount_max.load(std::memory_order_relaxed);
    Vector<Copy> copies;
    {
        auto theirs = from->mounts_.lock();
        copies = TRY(copy_mounts(*what.mount, what.dentry, recursive, most));
    }
    auto mounts = mounts_.lock();
    Path place = topmost(where);
    TRY(check_place(place, *what.dentry));
    if (mounts->count + copies.size() > most) return err::nospc;
    TRY(add(*mounts, place, copies[0].made));
    return attach_copies(*mounts, copies);
}

Result<Ref<MountTree>> MountTree::clone() {
    auto tree = TRY(make_ref<MountTree>());
    auto mounts = mounts_.lock();
    auto copies = TRY(copy_mounts(*mounts->root, mounts->root->root, true, ~usize{0}));
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
    notify_changed();
    return {};
}

Result<> MountTree::change_flags(const Path& where, u32 set, u32 clear, bool recursive) {
    auto mounts = mounts_.lock();
    Mount& top = *where.mount;
    if (where.dentry != top.root || !contains(top)) return err::inval;
    auto next = [&](Mount& m) { return recursive ? next_below(m, top, false) : nullptr; };
    for (Mount* m = &top; m; m = next(*m))
        if (set & MS_RDONLY && !m->read_only() && m->writers.load(std::memory_order_relaxed)) return err::busy;
    for (Mount* m = &top; m; m = next(*m)) m->flags = (m->flags & ~clear) | (set & mount_flag_mask);
    notify_changed();
    return {};
}

Result<> MountTree::unmount(const Path& at, unsigned flags) {
    auto mounts = mounts_.lock();
    Path where = topmost(at);
    Mount& m = *where.mount;
    if (where.dentry != m.root || !contains(m)) return err::inval;
    if (mounts->root == &m) return err::busy;
    if (!(flags & unmount_detach)) {
        // The list has a reference and so has the caller, one more than ours where it came in at the top; whoever else
        // has one uses it.
        unsigned ours = at.mount == &m ? 3 : 2;
        if (!m.children_.empty() || m.ref_count() > ours) return err::busy;
        remove(*mounts, m);
    } else {
        remove_with_all_below(*mounts, m);
    }
    return {};
}

Result<> MountTree::move(const Path& from, const Path& to) {
    auto mounts = mounts_.lock();
    Mount& m = *from.mount;
    Path place = topmost(to);
    if (from.dentry != m.root || !contains(m) || mounts->root == &m) return err::inval;
    TRY(check_place(place, *m.root));
    if (is_below(*place.mount, m)) return err::loop;
    m.detach();
    m.attach(*this, place);
    DentryCache::pin(*place.dentry);
    notify_changed();
    return {};
}

Result<> MountTree::pivot(const Path& root, const Path& new_root, const Path& put_old) {
    auto mounts = mounts_.lock();
    Path below = topmost(put_old);
    Mount &m = *new_root.mount, &old = *root.mount;
    if (!contains(old) || !contains(m)) return err::inval;
    if (new_root.dentry->unlinked()) return err::noent;
    if (&m == &old || below.mount == &old) return err::busy;
    if (root.dentry != old.root || new_root.dentry != m.root || mounts->root == &m) return err::inval;
    if (!reaches(below, new_root) || !reaches(new_root, root)) return err::inval;
    Path place = old.mounted_on();
    m.detach();
    if (place) {
        old.detach();
        m.attach(*this, place);
    } else {
        mounts->root = Ref<Mount>::share(&m);
    }
    old.attach(*this, below);
    DentryCache::pin(*below.dentry);
    notify_changed();
    return {};
}
} // namespace vfs
