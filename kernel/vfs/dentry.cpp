#include "kernel/vfs/dentry.h"
#include "core/rng/rng.h"
#include "core/wait/retire.h"
#include "kernel/vfs/anonymous.h"
#include "kernel/vfs/buckets.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/notify.h"
#include "lib/hash.h"

namespace vfs {
namespace {
/// Buckets share locks by their low bits. The bound on entries keeps chains short.
constexpr usize lock_count = 64, entries_per_bucket = 8, fair_parts = 8;
constinit Buckets<Dentry> buckets;
constinit Spinlock<Rank::dentry> bucket_locks[lock_count];
constinit std::atomic<u64> entries = 0;
constinit std::atomic<usize> hand = 0; // the bucket that eviction looks at next
constinit FoldHash hash_name;

u64 hash_of(const Dentry* parent, std::string_view name) { return hash_name(name, reinterpret_cast<uptr>(parent)); }
usize bucket_of(u64 hash) { return buckets.index(hash); }
/// Names are short: words that overlap, without a call.
bool same(std::string_view a, std::string_view b) {
    usize n = a.size();
    if (n != b.size()) return false;
    auto equal_at = [&]<class T>(usize at, T) {
        T x, y;
        std::memcpy(&x, a.data() + at, sizeof x);
        std::memcpy(&y, b.data() + at, sizeof y);
        return x == y;
    };
    if (n >= 8) {
        for (usize at = 0; at + 8 < n; at += 8)
            if (!equal_at(at, u64{})) return false;
        return equal_at(n - 8, u64{});
    }
    if (n >= 4) return equal_at(0, u32{}) && equal_at(n - 4, u32{});
    for (usize at = 0; at < n; at++)
        if (a[at] != b[at]) return false;
    return true;
}
Spinlock<Rank::dentry>& lock_of(usize bucket) { return bucket_locks[bucket % lock_count]; }
} // namespace

constinit Spinlock<Rank::dentry> DentryCache::tree_lock;
constinit SeqCount DentryCache::moves;

Result<> init() {
    hash_name = FoldHash{rng::number(), rng::number()};
    TRY(buckets.init(64 * KiB, 2048, 65'536));
    TRY(init_mount_table());
    init_notify();
    return init_anonymous();
}

Dentry::~Dentry() {
    auto inode = Ref<Inode>::adopt(inode_.load(std::memory_order_relaxed)); // dropped at the end
    if (inode && inode->watched()) [[unlikely]]
        name_gone(*inode);
    const Name* name = name_.load(std::memory_order_relaxed);
    if (name && name != short_name()) epoch::retire(const_cast<Name*>(name));
}

void Dentry::operator delete(void* memory) { epoch::retire(memory); }

void Dentry::last_ref_gone(Dentry* d) {
    while (d) {
        Dentry* up = Ref<Dentry>::adopt(d->parent_.load(std::memory_order_relaxed)).drop_last();
        delete d;
        d = up;
    }
}

Ref<Dentry> Dentry::parent() const {
    return DentryCache::prepend_name(*this, [](std::string_view) {});
}

/// The name as an object of its own, for another dentry.
Result<Dentry::Name*> DentryCache::copy_name(const Dentry& of) {
    const Name* name = of.name_.load(std::memory_order_relaxed);
    usize size = offsetof(Name, text) + name->size;
    void* copy = ::operator new(size, std::nothrow);
    if (!copy) return err::nomem;
    std::memcpy(copy, name, size);
    return static_cast<Name*>(copy);
}

Dentry* DentryCache::find_rcu(const Dentry& parent, std::string_view name) {
    u64 hash = hash_of(&parent, name);
    Dentry* d = buckets[bucket_of(hash)].load(std::memory_order_acquire);
    for (; d; d = d->next_.load(std::memory_order_acquire)) {
        const Name* n = d->name_.load(std::memory_order_acquire);
        if (n->hash != hash || d->parent_.load(std::memory_order_relaxed) != &parent || !same(n->view(), name))
            continue;
        if (!d->recent_.load(std::memory_order_relaxed)) d->recent_.store(true, std::memory_order_relaxed);
        return d;
    }
    return nullptr;
}

Ref<Dentry> DentryCache::find(const Dentry& parent, std::string_view name) {
    {
        epoch::Reading reading;
        u64 seen = moves.read_begin();
        Dentry* d = find_rcu(parent, name);
        if (!moves.read_retry(seen)) {
            if (!d) return nullptr;
            if (d->try_retain()) return Ref<Dentry>::adopt(d);
        }
    }
    u64 hash = hash_of(&parent, name);
    Holding hold{lock_of(bucket_of(hash))};
    Dentry* d = find_rcu(parent, name);
    return d && d->hashed_ ? Ref<Dentry>::share(d) : nullptr;
}

Result<Ref<Dentry>> DentryCache::make_root(Ref<Inode> inode) {
    auto* d = new (std::nothrow) Dentry;
    if (!d) return err::nomem;
    d->name_.store(new (d->short_name()) Name{}, std::memory_order_relaxed);
    d->superblock_ = &inode->superblock();
    d->inode_ = inode.release();
    return Ref<Dentry>::adopt(d);
}

Result<Ref<Dentry>> DentryCache::make(Dentry& parent, std::string_view name, Ref<Inode> inode) {
    auto* d = new (std::nothrow) Dentry;
    if (!d) { // perhaps at a limit that the names themselves have reached
        shrink_own(*parent.superblock_, 64);
        d = new (std::nothrow) Dentry;
    }
    if (!d) return err::nomem;
    auto made = Ref<Dentry>::adopt(d);
    void* memory = d->short_name();
    if (name.size() > Dentry::short_size) {
        memory = ::operator new(offsetof(Name, text) + name.size(), std::nothrow);
        if (!memory) return err::nomem;
    }
    auto* n = static_cast<Name*>(memory);
    n->hash = hash_of(&parent, name);
    n->size = static_cast<u8>(name.size());
    std::memcpy(n->text, name.data(), name.size());
    d->name_.store(n, std::memory_order_relaxed);
    d->parent_.store(Ref<Dentry>::share(&parent).release(), std::memory_order_relaxed);
    d->superblock_ = parent.superblock_;
    d->inode_.store(inode.release(), std::memory_order_relaxed);
    return made;
}

void DentryCache::hash(Dentry& d) {
    usize bucket = bucket_of(d.name_.load(std::memory_order_relaxed)->hash), held;
    {
        Holding hold{lock_of(bucket)};
        if (d.hashed_) return;
        d.hashed_ = true;
        d.recent_.store(true, std::memory_order_relaxed);
        d.next_.store(buckets[bucket].load(std::memory_order_relaxed), std::memory_order_relaxed);
        buckets[bucket].store(Ref<Dentry>::share(&d).release(), std::memory_order_release);
        auto& cached = d.superblock_->cached;
        cached.lock.lock_second();
        cached.list.push_back(d);
        held = ++cached.count;
        cached.lock.unlock_second();
    }
    usize most = buckets.size() * entries_per_bucket;
    if (entries.fetch_add(1, std::memory_order_relaxed) < most) return;
    // Most may be in use: the search for others is short, and the next one goes on where it stopped. Who has more than
    // a fair part makes room among its own, so that a container's names do not push out everybody else's.
    if (held > most / fair_parts)
        shrink_own(*d.superblock_, 16);
    else
        shrink(16, 16);
}

/// With the bucket's lock held; the count that the cache had is the caller's.
void DentryCache::take_out(Dentry& d, std::atomic<Dentry*>& link) {
    // Readers that stand on it still find their way on.
    link.store(d.next_.load(std::memory_order_relaxed), std::memory_order_release);
    d.hashed_ = false;
    auto& cached = d.superblock_->cached;
    cached.lock.lock_second();
    cached.list.erase(cached.list.iterator_to(d));
    cached.count--;
    cached.lock.unlock_second();
}

void DentryCache::unhash(Dentry& d) {
    usize bucket = bucket_of(d.name_.load(std::memory_order_relaxed)->hash);
    Ref<Dentry> cached;
    {
        Holding hold{lock_of(bucket)};
        if (!d.hashed_) return;
        std::atomic<Dentry*>* link = &buckets[bucket];
        while (Dentry* at = link->load(std::memory_order_relaxed)) {
            if (at == &d) break;
            link = &at->next_;
        }
        take_out(d, *link);
        cached = Ref<Dentry>::adopt(&d);
    }
    entries.fetch_sub(1, std::memory_order_relaxed);
}

Ref<Dentry> DentryCache::find_inode(Superblock& sb, u64 number) {
    auto root = *sb.root_dentry.lock();
    if (root && root->inode()->number() == number) return root;
    for (usize b = 0; b < buckets.size(); b++) { // of one bucket at a time: there may be many names
        Holding hold{lock_of(b)};
        for (Dentry* d = buckets[b].load(std::memory_order_relaxed); d; d = d->next_.load(std::memory_order_relaxed))
            if (Inode* inode = d->inode(); d->superblock_ == &sb && inode && inode->number() == number)
                return Ref<Dentry>::share(d);
    }
    return nullptr;
}

void DentryCache::fill(Dentry& d, Ref<Inode> inode) { d.inode_.store(inode.release(), std::memory_order_release); }

void DentryCache::mark_unlinked(Dentry& d) {
    d.unlinked_.store(true, std::memory_order_relaxed);
    unhash(d);
}
void DentryCache::set_unlinked(Dentry& d, bool on) { d.unlinked_.store(on, std::memory_order_relaxed); }

/// A name that a rename has replaced goes when no reader looks at it any more.
void DentryCache::forget(const Dentry& of, const Name* old_name) {
    if (old_name != const_cast<Dentry&>(of).short_name()) epoch::retire(const_cast<Name*>(old_name));
}

Result<> DentryCache::move(Dentry& moved, Dentry& to) {
    Name* name = TRY(copy_name(to));
    const Name* old_name = moved.name_.load(std::memory_order_relaxed);
    SeqCount::Writing moving{moves};
    unhash(moved);
    mark_unlinked(to);
    auto parent = Ref<Dentry>::share(to.parent_.load(std::memory_order_relaxed));
    {
        Holding hold{tree_lock};
        parent = Ref<Dentry>::adopt(moved.parent_.exchange(parent.release(), std::memory_order_release));
        moved.name_.store(name, std::memory_order_release);
    }
    hash(moved);
    forget(moved, old_name);
    return {};
}

Result<> DentryCache::exchange(Dentry& a, Dentry& b) {
    Name* name_a = TRY(copy_name(b));
    auto copied = copy_name(a);
    if (!copied) {
        ::operator delete(name_a);
        return std::unexpected(copied.error());
    }
    const Name *old_a = a.name_.load(std::memory_order_relaxed), *old_b = b.name_.load(std::memory_order_relaxed);
    SeqCount::Writing moving{moves};
    unhash(a);
    unhash(b);
    {
        Holding hold{tree_lock};
        Dentry* parent = a.parent_.load(std::memory_order_relaxed);
        a.parent_.store(b.parent_.load(std::memory_order_relaxed), std::memory_order_release);
        b.parent_.store(parent, std::memory_order_release);
        a.name_.store(name_a, std::memory_order_release);
        b.name_.store(*copied, std::memory_order_release);
    }
    hash(a);
    hash(b);
    forget(a, old_a);
    forget(b, old_b);
    return {};
}

/// Takes dentries that nobody uses and that `unwanted` names out of a bucket; each is freed after the lock is gone.
template <class Unwanted>
usize DentryCache::sweep(usize bucket, usize most, Unwanted unwanted) {
    usize swept = 0;
    for (; swept < most; swept++) {
        Dentry* gone = nullptr;
        {
            Holding hold{lock_of(bucket)};
            std::atomic<Dentry*>* link = &buckets[bucket];
            // The last reference is the cache's own; with it goes the chance to get another.
            while ((gone = link->load(std::memory_order_relaxed)))
                if (gone->ref_count() == 1 && unwanted(*gone) && gone->claim_last())
                    break;
                else
                    link = &gone->next_;
            if (!gone) break;
            take_out(*gone, *link);
        }
        entries.fetch_sub(1, std::memory_order_relaxed);
        Dentry::last_ref_gone(gone);
    }
    return swept;
}

void DentryCache::drop_unused(Superblock& sb) {
    auto& cached = sb.cached;
    // The youngest first, since children keep their parents in use. One that stays goes to the front.
    for (usize stayed = 0;;) {
        usize bucket;
        Dentry* youngest;
        {
            Holding hold{cached.lock};
            if (cached.list.empty()) return;
            youngest = &cached.list.back();
            bucket = bucket_of(youngest->name_.load(std::memory_order_relaxed)->hash);
            cached.list.splice(cached.list.begin(), cached.list, cached.list.iterator_to(*youngest));
            if (stayed > cached.count) return;
        }
        if (sweep(bucket, 1, [&](const Dentry& d) { return &d == youngest; }))
            stayed = 0;
        else
            stayed++;
    }
}

void DentryCache::drop_children(const Dentry& parent) {
    for (usize b = 0; b < buckets.size() && parent.ref_count() > 1; b++)
        sweep(b, ~usize{0}, [&](const Dentry& d) { return d.parent_.load(std::memory_order_relaxed) == &parent; });
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
    for (const Dentry* d = &below; d; d = d->parent_.load(std::memory_order_relaxed))
        if (d == &above) return true;
    return false;
}

usize DentryCache::shrink(usize n, usize most_buckets) {
    usize swept = 0;
    for (usize i = 0; i < most_buckets && swept < n; i++) {
        usize bucket = hand.fetch_add(1, std::memory_order_relaxed) % buckets.size();
        swept += sweep(bucket, n - swept,
                       [](const Dentry& d) { return !d.recent_.exchange(false, std::memory_order_relaxed); });
    }
    return swept;
}

void DentryCache::shrink_own(Superblock& sb, usize n) {
    auto& cached = sb.cached;
    while (n--) {
        usize bucket;
        Dentry* oldest;
        {
            Holding hold{cached.lock};
            if (cached.list.empty()) return;
            oldest = &cached.list.front();
            bucket = bucket_of(oldest->name_.load(std::memory_order_relaxed)->hash);
            cached.list.splice(cached.list.end(), cached.list, cached.list.iterator_to(*oldest));
        }
        sweep(bucket, 1,
              [&](const Dentry& d) { return &d == oldest && !d.recent_.exchange(false, std::memory_order_relaxed); });
    }
}

CacheUse DentryCache::use() {
    CacheUse use{entries.load(std::memory_order_relaxed), 0};
    for (usize b = 0; b < buckets.size(); b++) {
        Holding hold{lock_of(b)};
        for (Dentry* d = buckets[b].load(std::memory_order_relaxed); d; d = d->next_.load(std::memory_order_relaxed))
            use.unused += d->ref_count() == 1;
    }
    return use;
}

// Twice round: the first time takes the marks of recent use away.
usize shrink_cache(usize n) { return DentryCache::shrink(n, 2 * buckets.size()); }
CacheUse cache_use() { return DentryCache::use(); }
} // namespace vfs
