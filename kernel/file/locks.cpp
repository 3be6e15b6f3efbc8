#include "kernel/file/locks.h"

namespace file {
namespace {
bool overlap(const FileLock& a, const FileLock& b) { return a.first <= b.last && b.first <= a.last; }
bool same_owner(const FileLock& a, const FileLock& b) { return a.kind == b.kind && a.owner == b.owner; }
bool conflicts(const FileLock& a, const FileLock& b) {
    return (a.kind == LockKind::whole) == (b.kind == LockKind::whole) && !same_owner(a, b) && overlap(a, b) &&
           (a.exclusive || b.exclusive);
}
/// The conflicting lock that begins first in the file: fcntl(2)'s answer to F_GETLK.
const FileLock* find_conflict(const Vector<FileLock>& locks, const FileLock& wanted) {
    const FileLock* found = nullptr;
    for (const FileLock& held : locks)
        if (conflicts(held, wanted) && (!found || held.first < found->first)) found = &held;
    return found;
}

/// Who waits for whose process lock, to refuse a circle of waits with err::deadlk.
struct Waiting {
    const void *owner, *holder;
    Waiting* next = nullptr;
};
constinit Spinlock<Rank::device> waiting_lock;
constinit Waiting* all_waiting = nullptr; // under waiting_lock
constexpr unsigned longest_circle = 64;

Result<> enter(Waiting& self) {
    Holding hold{waiting_lock};
    const void* at = self.holder;
    for (unsigned i = 0; i < longest_circle; i++) {
        if (at == self.owner) return err::deadlk;
        const Waiting* found = nullptr;
        for (const Waiting* w = all_waiting; w; w = w->next)
            if (w->owner == at) found = w;
        if (!found) break;
        at = found->holder;
    }
    self.next = all_waiting;
    all_waiting = &self;
    return {};
}
void leave(Waiting& self) {
    Holding hold{waiting_lock};
    Waiting** link = &all_waiting;
    while (*link != &self) link = &(*link)->next;
    *link = self.next;
}
} // namespace

constinit std::atomic<u64> LockList::all_ = 0;

void LockList::counted(usize now) {
    all_.fetch_add(now - count_.exchange(now, std::memory_order_relaxed), std::memory_order_relaxed);
}

/// The locks with `range` cut out of its owner's, and `added` in its place, merged with equal neighbours.
Result<LockList::Locks> LockList::without(const Locks& all, const FileLock& range, const FileLock* added) {
    Locks made;
    TRY(made.reserve(all.size() + 2));
    FileLock merged = added ? *added : range;
    auto touches = [&](const FileLock& l) {
        return added && l.exclusive == added->exclusive && (l.first <= merged.last || l.first - 1 == merged.last) &&
               (merged.first <= l.last || merged.first - 1 == l.last);
    };
    for (const FileLock& l : all) {
        if (!same_owner(l, range)) {
            TRY(made.push(l));
        } else if (touches(l)) {
            merged.first = l.first < merged.first ? l.first : merged.first;
            merged.last = l.last > merged.last ? l.last : merged.last;
        } else if (!overlap(l, range)) {
            TRY(made.push(l));
        } else {
            if (l.first < range.first) {
                FileLock before = l;
                before.last = range.first - 1;
                TRY(made.push(before));
            }
            if (l.last > range.last) {
                FileLock after = l;
                after.first = range.last + 1;
                TRY(made.push(after));
            }
        }
    }
    if (added) TRY(made.push(merged));
    if (made.size() > max_locks && made.size() > all.size()) return err::nolck;
    return made;
}

Result<> LockList::set(const FileLock& wanted, bool wait) {
    auto attempt = [&](const void** holder) -> Result<> {
        auto locks = locks_.lock();
        if (const FileLock* held = find_conflict(*locks, wanted)) {
            *holder = held->owner;
            // flock(2): changing the kind of a lock gives the old one up first.
            if (wanted.kind == LockKind::whole) {
                *locks = TRY(without(*locks, wanted, nullptr));
                counted(locks->size());
            }
            return err::again;
        }
        *locks = TRY(without(*locks, wanted, &wanted));
        counted(locks->size());
        return {};
    };
    const void* holder = nullptr;
    auto answer = attempt(&holder);
    if (answer || answer.error() != Errno::again) {
        if (answer) changed_.notify_all(); // a downgrade lets others in
        return answer;
    }
    if (!wait) return answer;
    Sleeper self;
    Wait on{changed_, self};
    while (true) {
        answer = attempt(&holder);
        if (answer || answer.error() != Errno::again) return answer;
        Waiting circle{wanted.owner, holder};
        if (wanted.kind == LockKind::process) TRY(enter(circle));
        auto slept = self.sleep();
        if (wanted.kind == LockKind::process) leave(circle);
        TRY(slept);
    }
}

Result<> LockList::unlock(const FileLock& range) {
    {
        auto locks = locks_.lock();
        *locks = TRY(without(*locks, range, nullptr));
        counted(locks->size());
    }
    changed_.notify_all();
    return {};
}

std::optional<FileLock> LockList::conflict(const FileLock& wanted) {
    auto locks = locks_.lock();
    if (const FileLock* held = find_conflict(*locks, wanted)) return *held;
    return std::nullopt;
}

void LockList::drop_owner(LockKind kind, const void* owner) {
    if (empty()) return;
    {
        auto locks = locks_.lock();
        usize kept = 0;
        for (const FileLock& l : *locks)
            if (l.kind != kind || l.owner != owner) (*locks)[kept++] = l;
        while (locks->size() > kept) locks->pop();
        counted(locks->size());
    }
    changed_.notify_all();
}

usize LockList::copy(std::span<FileLock> to, usize from) {
    auto locks = locks_.lock();
    usize n = 0;
    for (usize i = from; i < locks->size() && n < to.size(); i++) to[n++] = (*locks)[i];
    return n;
}
} // namespace file
