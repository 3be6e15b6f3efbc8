#include "kernel/vfs/locks.h"
#include "kernel/vfs/attachments.h"

namespace vfs {
namespace {
bool same_owner(const FileLock& a, LockKind kind, const void* owner) { return a.kind == kind && a.owner == owner; }
bool adjacent(const FileLock& a, const FileLock& b) { return a.last + 1 == b.first && a.last != ~u64{0}; }

/// All lists that have ever had a lock, of inodes that are there. Walked in pieces: an inode that is held stays in it.
constinit Guarded<Chain<LockList>, Spinlock<Rank::device>> all_lists;

constexpr unsigned longest_circle = 64;

/// Who waits for whose process lock, to refuse a circle of waits.
class LockWait : public ChainLink<LockWait> {
public:
    explicit LockWait(const void* owner) : owner_{owner} {}
    ~LockWait() { stop(); }
    /// err::deadlk: the holder waits for us, perhaps through others.
    Result<> start(const void* holder) {
        auto all = all_.lock();
        const void* at = holder;
        for (unsigned i = 0; i < longest_circle && at; i++) {
            if (at == owner_) return err::deadlk;
            const void* next = nullptr;
            for (LockWait* w = all->first(); w; w = all->after(*w))
                if (w->owner_ == at) next = w->holder_;
            at = next;
        }
        holder_ = holder;
        all->push_front(*this);
        return {};
    }
    void stop() {
        auto all = all_.lock();
        if (std::exchange(holder_, nullptr)) all->erase(*this);
    }

private:
    const void* const owner_;
    const void* holder_ = nullptr; // null: waits for nobody
    static constinit Guarded<Chain<LockWait>, Spinlock<Rank::device>> all_;
};
constinit Guarded<Chain<LockWait>, Spinlock<Rank::device>> LockWait::all_;
} // namespace

constinit std::atomic<u64> LockList::all_ = 0;

LockList::~LockList() {
    if (listed_.load(std::memory_order_relaxed)) {
        auto lists = all_lists.lock();
        lists->erase(*this);
    }
    Owners& owners = owners_.unguarded();
    while (!owners.empty()) {
        Owner& o = owners.front();
        while (!o.ranges.empty()) remove(o.ranges, o.ranges.begin());
        drop_if_empty(owners, &o);
    }
}

LockList& LockList::of(Inode& inode) { return inode.attachments()->locks; } // it has them, or was not listed

void LockList::enlist() {
    if (listed_.load(std::memory_order_acquire)) return;
    auto lists = all_lists.lock();
    if (!listed_.exchange(true)) lists->push_back(*this);
}

Ref<Inode> LockList::next_locked(Inode* after) {
    LockList* before = after ? &of(*after) : nullptr;
    auto lists = all_lists.lock();
    for (LockList* at = before ? lists->after(*before) : lists->first(); at; at = lists->after(*at))
        if (at->of_.try_retain()) return Ref<Inode>::adopt(&at->of_);
    return nullptr;
}

void LockList::counted(int by) {
    count_.fetch_add(static_cast<usize>(by), std::memory_order_relaxed);
    all_.fetch_add(static_cast<u64>(by), std::memory_order_relaxed);
}

Result<LockList::Spare> LockList::prepare() { return Spare{TRY(make<Held>()), TRY(make<Held>()), TRY(make<Owner>())}; }

/// The first of an owner's ranges that ends at `at` or behind it.
LockList::Ranges::iterator LockList::first_touching(Ranges& ranges, u64 at) {
    auto next = ranges.upper_bound(at);
    if (next != ranges.begin() && std::prev(next)->lock.last >= at) --next;
    return next;
}

/// The conflicting lock that begins first in the file: fcntl(2)'s answer to F_GETLK.
const FileLock* LockList::find_conflict(const Owners& owners, const FileLock& wanted) {
    const FileLock* found = nullptr;
    for (const Owner& o : owners) {
        bool other_world = (o.kind == LockKind::whole) != (wanted.kind == LockKind::whole);
        if (other_world || same_owner(wanted, o.kind, o.owner)) continue;
        auto& ranges = const_cast<Ranges&>(o.ranges);
        for (auto at = first_touching(ranges, wanted.first); at != ranges.end(); ++at) {
            const FileLock& held = at->lock;
            if (held.first > wanted.last || (found && held.first >= found->first)) break;
            if (!held.exclusive && !wanted.exclusive) continue;
            found = &held;
            break;
        }
    }
    return found;
}

LockList::Owner* LockList::find_owner(Owners& owners, const FileLock& of) {
    for (Owner& o : owners)
        if (same_owner(of, o.kind, o.owner)) return &o;
    return nullptr;
}

void LockList::remove(Ranges& ranges, Ranges::iterator at) {
    ranges.erase_and_dispose(at, [](Held* h) { delete h; });
    counted(-1);
}
void LockList::drop_if_empty(Owners& owners, Owner* o) {
    if (!o || !o->ranges.empty()) return;
    owners.erase(owners.iterator_to(*o));
    delete o;
}

/// Takes a range away from its owner. Keeps the owner, if it is there.
void LockList::cut(Owners& owners, const FileLock& range, Spare& spare) {
    Owner* o = find_owner(owners, range);
    if (!o) return;
    auto at = first_touching(o->ranges, range.first);
    while (at != o->ranges.end() && at->lock.first <= range.last) {
        FileLock& held = at->lock;
        bool before = held.first<range.first, behind = held.last> range.last;
        if (before && behind) {
            spare.split->lock = held;
            spare.split->lock.first = range.last + 1;
            held.last = range.first - 1;
            o->ranges.insert(*spare.split.release());
            counted(1);
            return;
        }
        if (behind) {
            held.first = range.last + 1; // the order stays
            return;
        }
        auto next = std::next(at);
        if (before)
            held.last = range.first - 1;
        else
            remove(o->ranges, at);
        at = next;
    }
}

/// Puts a lock where cut() has made room, and joins it with equal neighbours.
void LockList::add(Owners& owners, const FileLock& wanted, Spare& spare) {
    Owner* o = find_owner(owners, wanted);
    if (!o) {
        o = spare.owner.release();
        o->kind = wanted.kind;
        o->owner = wanted.owner;
        owners.push_back(*o);
    }
    spare.added->lock = wanted;
    auto at = o->ranges.insert(*spare.added.release()).first;
    counted(1);
    auto next = std::next(at);
    if (next != o->ranges.end() && next->lock.exclusive == wanted.exclusive && adjacent(at->lock, next->lock)) {
        at->lock.last = next->lock.last;
        remove(o->ranges, next);
    }
    if (at == o->ranges.begin()) return;
    auto before = std::prev(at);
    if (before->lock.exclusive == wanted.exclusive && adjacent(before->lock, at->lock)) {
        before->lock.last = at->lock.last;
        remove(o->ranges, at);
    }
}

Result<> LockList::set(const FileLock& wanted, bool wait) {
    auto attempt = [&](const void** holder) -> Result<> {
        auto spare = TRY(prepare());
        auto owners = owners_.lock();
        if (const FileLock* held = find_conflict(*owners, wanted)) {
            *holder = held->owner;
            // flock(2): changing the kind of a lock gives the old one up first.
            if (wanted.kind == LockKind::whole) {
                cut(*owners, wanted, spare);
                drop_if_empty(*owners, find_owner(*owners, wanted));
            }
            return err::again;
        }
        if (count_.load(std::memory_order_relaxed) >= max_locks) return err::nolck;
        cut(*owners, wanted, spare);
        add(*owners, wanted, spare);
        return {};
    };
    enlist();
    const void* holder = nullptr;
    auto answer = attempt(&holder);
    if (answer || answer.error() != Errno::again) {
        if (answer) changed_.notify_all(); // a downgrade lets others in
        return answer;
    }
    if (!wait) return answer;
    LockWait circle{wanted.owner};
    auto slept = wait_until(changed_, [&] {
        circle.stop();
        answer = attempt(&holder);
        if (answer || answer.error() != Errno::again) return true;
        auto starts = wanted.kind == LockKind::process ? circle.start(holder) : Result<>{};
        if (!starts) answer = starts;
        return !starts.has_value();
    });
    return slept ? answer : slept;
}

Result<> LockList::unlock(const FileLock& range) {
    auto spare = TRY(prepare());
    {
        auto owners = owners_.lock();
        cut(*owners, range, spare);
        drop_if_empty(*owners, find_owner(*owners, range));
    }
    changed_.notify_all();
    return {};
}

std::optional<FileLock> LockList::conflict(const FileLock& wanted) {
    auto owners = owners_.lock();
    if (const FileLock* held = find_conflict(*owners, wanted)) return *held;
    return std::nullopt;
}

void LockList::drop_owner(LockKind kind, const void* owner) {
    if (empty()) return;
    {
        auto owners = owners_.lock();
        Owner* o = find_owner(*owners, {.kind = kind, .owner = owner});
        if (!o) return;
        while (!o->ranges.empty()) remove(o->ranges, o->ranges.begin());
        drop_if_empty(*owners, o);
    }
    changed_.notify_all();
}
} // namespace vfs
