#include "kernel/vfs/dentry.h"
#include "core/rng/rng.h"
#include "kernel/vfs/anonymous.h"
#include "lib/hash.h"

namespace vfs {
namespace {
/// Buckets share locks by their low bits. Sizes fit small machines; the bound on entries keeps chains short.
constexpr usize bucket_count = 2048, lock_count = 64, most_entries = 16'384;
struct Bucket {
    Dentry* first = nullptr;
};
constinit Bucket buckets[bucket_count];
constinit Spinlock<Rank::dentry> bucket_locks[lock_count];
constinit std::atomic<u64> entries = 0;
constinit std::atomic<usize> hand = 0; // the bucket that eviction looks at next
constinit SipHash hash_name;

usize bucket_of(const Dentry* parent, std::string_view name) {
    return hash_name(name, reinterpret_cast<uptr>(parent)) % bucket_count;
}
Spinlock<Rank::dentry>& lock_of(usize bucket) { return bucket_locks[bucket % lock_count]; }
} // namespace

constinit Spinlock<Rank::dentry> DentryCache::tree_lock;

struct DentryCache::Name {
    std::unique_ptr<char[]> long_name;
    std::string_view text;
};

Result<> init() {
    hash_name = SipHash{rng::number(), rng::number()};
    return init_anonymous();
}

Dentry::~Dentry() {
    Ref<Inode>::adopt(inode_.load(std::memory_order_relaxed)); // dropped here
}

void Dentry::last_ref_gone(Dentry* d) {
    while (d) {
        Dentry* up = d->parent_.drop_last();
        delete d;
        d = up;
    }
}

Ref<Dentry> Dentry::parent() const {
    return DentryCache::prepend_name(*this, [](std::string_view) {});
}

Result<DentryCache::Name> DentryCache::make_name(std::string_view name) {
    Name made{nullptr, name};
    if (name.size() > Dentry::short_size) {
        made.long_name.reset(new (std::nothrow) char[name.size()]);
        if (!made.long_name) return err::nomem;
        std::memcpy(made.long_name.get(), name.data(), name.size());
    }
    return made;
}

void DentryCache::set_name(Dentry& d, Name&& name) {
    d.size_ = static_cast<u8>(name.text.size());
    if (!name.long_name) std::memmove(d.short_, name.text.data(), name.text.size());
    std::swap(d.long_, name.long_name);
}

Ref<Dentry> DentryCache::find(const Dentry& parent, std::string_view name) {
    usize bucket = bucket_of(&parent, name);
    Holding hold{lock_of(bucket)};
    for (Dentry* d = buckets[bucket].first; d; d = d->next_)
        if (d->parent_ == &parent && d->name() == name) {
            if (!d->recent_.load(std::memory_order_relaxed)) d->recent_.store(true, std::memory_order_relaxed);
            return Ref<Dentry>::share(d);
        }
    return nullptr;
}

Result<Ref<Dentry>> DentryCache::make_root(Ref<Inode> inode) {
    auto* d = new (std::nothrow) Dentry;
    if (!d) return err::nomem;
    d->superblock_ = &inode->superblock();
    d->inode_ = inode.release();
    return Ref<Dentry>::adopt(d);
}

Result<Ref<Dentry>> DentryCache::make(Dentry& parent, std::string_view name, Ref<Inode> inode) {
    auto text = TRY(make_name(name));
    auto* d = new (std::nothrow) Dentry;
    if (!d) return err::nomem;
    set_name(*d, std::move(text));
    d->parent_ = Ref<Dentry>::share(&parent);
    d->superblock_ = parent.superblock_;
    d->inode_ = inode.release();
    return Ref<Dentry>::adopt(d);
}

void DentryCache::hash(Dentry& d) {
    usize bucket = bucket_of(d.parent_.get(), d.name());
    {
        Holding hold{lock_of(bucket)};
        if (d.hashed_) return;
        d.hashed_ = true;
        d.recent_.store(true, std::memory_order_relaxed);
        d.next_ = buckets[bucket].first;
        buckets[bucket].first = Ref<Dentry>::share(&d).release();
    }
    if (entries.fetch_add(1, std::memory_order_relaxed) >= most_entries) shrink_cache(16);
}

void DentryCache::unhash(Dentry& d) {
    usize bucket = bucket_of(d.parent_.get(), d.name());
    Ref<Dentry> cached;
    {
        Holding hold{lock_of(bucket)};
        if (!d.hashed_) return;
        Dentry** link = &buckets[bucket].first;
        while (*link != &d) link = &(*link)->next_;
        *link = d.next_;
        d.next_ = nullptr;
        d.hashed_ = false;
        cached = Ref<Dentry>::adopt(&d);
    }
    entries.fetch_sub(1, std::memory_order_relaxed);
}

void DentryCache::fill(Dentry& d, Ref<Inode> inode) { d.inode_.store(inode.release(), std::memory_order_release); }

void DentryCache::mark_unlinked(Dentry& d) {
    d.unlinked_.store(true, std::memory_order_relaxed);
    unhash(d);
}
void DentryCache::set_unlinked(Dentry& d, bool on) { d.unlinked_.store(on, std::memory_order_relaxed); }

Result<> DentryCache::move(Dentry& moved, Dentry& to) {
    auto name = TRY(make_name(to.name()));
    unhash(moved);
    mark_unlinked(to);
    Ref<Dentry> old_parent = to.parent_;
    {
        Holding hold{tree_lock};
        std::swap(moved.parent_, old_parent);
        set_name(moved, std::move(name));
    }
    hash(moved);
    return {};
}

Result<> DentryCache::exchange(Dentry& a, Dentry& b) {
    auto name_a = TRY(make_name(b.name()));
    auto name_b = TRY(make_name(a.name()));
    // Short names live in the dentries themselves: keep copies of what is about to be overwritten.
    char text_a[Dentry::short_size], text_b[Dentry::short_size];
    auto keep = [](Name& n, char* copy) {
        if (n.long_name) return;
        std::memcpy(copy, n.text.data(), n.text.size());
        n.text = {copy, n.text.size()};
    };
    keep(name_a, text_a);
    keep(name_b, text_b);
    unhash(a);
    unhash(b);
    {
        Holding hold{tree_lock};
        std::swap(a.parent_, b.parent_);
        set_name(a, std::move(name_a));
        set_name(b, std::move(name_b));
    }
    hash(a);
    hash(b);
    return {};
}

/// Takes dentries that nobody uses and that `unwanted` names out of a bucket; each is freed after the lock is gone.
template <class Unwanted>
usize DentryCache::sweep(usize bucket, usize most, Unwanted unwanted) {
    usize swept = 0;
    for (; swept < most; swept++) {
        Ref<Dentry> gone;
        {
            Holding hold{lock_of(bucket)};
            Dentry** link = &buckets[bucket].first;
            // One reference is the cache's own; nobody can add one while we hold the bucket's lock.
            while (*link && ((*link)->ref_count() != 1 || !unwanted(**link))) link = &(*link)->next_;
            if (!*link) break;
            gone = Ref<Dentry>::adopt(*link);
            *link = gone->next_;
            gone->next_ = nullptr;
            gone->hashed_ = false;
        }
        entries.fetch_sub(1, std::memory_order_relaxed);
    }
    return swept;
}

void DentryCache::drop_unused(Superblock& sb) {
    // Children keep their parents in use: go round until nothing more goes.
    usize swept;
    do {
        swept = 0;
        for (usize b = 0; b < bucket_count; b++)
            swept += sweep(b, ~usize{0}, [&](const Dentry& d) { return &d.superblock() == &sb; });
    } while (swept);
}

void DentryCache::pin(Dentry& d) {
    Ref<Dentry> at = Ref<Dentry>::share(&d);
    while (auto parent = at->parent()) {
        if (!find(*parent, at->name())) hash(*at);
        at = std::move(parent);
    }
}

bool DentryCache::is_below(const Dentry& below, const Dentry& above) {
    if (&below == &above) return true;
    if (above.is_root()) return &below.superblock() == &above.superblock();
    Holding hold{tree_lock};
    for (const Dentry* d = &below; d; d = d->parent_.get())
        if (d == &above) return true;
    return false;
}

usize DentryCache::shrink(usize n) {
    usize swept = 0;
    // Twice round: the first time takes the marks of recent use away.
    for (usize i = 0; i < 2 * bucket_count && swept < n; i++) {
        usize bucket = hand.fetch_add(1, std::memory_order_relaxed) % bucket_count;
        swept += sweep(bucket, n - swept,
                       [](const Dentry& d) { return !d.recent_.exchange(false, std::memory_order_relaxed); });
    }
    return swept;
}

CacheUse DentryCache::use() {
    CacheUse use{entries.load(std::memory_order_relaxed), 0};
    for (usize b = 0; b < bucket_count; b++) {
        Holding hold{lock_of(b)};
        for (Dentry* d = buckets[b].first; d; d = d->next_) use.unused += d->ref_count() == 1;
    }
    return use;
}

usize shrink_cache(usize n) { return DentryCache::shrink(n); }
CacheUse cache_use() { return DentryCache::use(); }
} // namespace vfs
