#include "kernel/vfs/leases.h"
#include "core/time/clock.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/page_cache.h"
#include "kernel/vfs/settings.h"
#include <algorithm>

namespace vfs {
bool LeaseList::Lease::ask(bool to_write) {
    if (gives_back || (!to_write && steps_down)) return false;
    u64 seconds = settings.lease_break_time.load(std::memory_order_relaxed);
    Deadline by = seconds ? clocks::in(seconds * 1'000'000'000) : never;
    (to_write ? gives_back : steps_down) = true;
    (to_write ? back_by : down_by) = by;
    return true;
}

/// Other opens than `file` that a lease would not know of.
Result<> LeaseList::check_opens(const File& file, LeaseKind kind) const {
    if (!of_.pages())
        return kind == LeaseKind::read ? Result<>{} : Result<>{err::again}; // who has it open is not known
    OpenCounts& opens = of_.pages()->opens;
    bool alone = kind == LeaseKind::read ? !opens.open_for_writing() : opens.open_once(file.writable());
    return alone ? Result<>{} : Result<>{err::again};
}

LeaseList::Lease* LeaseList::find(Leases& leases, const File& of) {
    auto at = leases.find(&of);
    return at == leases.end() ? nullptr : &*at;
}

void LeaseList::remove(Leases& leases, Lease& l) {
    leases.erase(leases.iterator_to(l));
    delete &l;
    all_.fetch_sub(1);
}

/// Takes from those who have not answered in time.
void LeaseList::expire(Leases& leases) {
    Deadline now = clocks::in(0);
    for (auto at = leases.begin(); at != leases.end();) {
        Lease& l = *at++;
        if (l.gives_back && l.back_by <= now)
            remove(leases, l);
        else if (l.steps_down && l.down_by <= now)
            l.kind = LeaseKind::read, l.steps_down = false;
    }
}

Result<> LeaseList::set(File& file, LeaseKind kind) {
    Box<Lease> added;
    if (kind != LeaseKind::none) added = TRY(make<Lease>(file, kind));
    auto done = [&]() -> Result<> {
        auto leases = leases_.lock();
        expire(*leases);
        Lease* mine = find(*leases, file);
        if (kind == LeaseKind::none) {
            if (!mine) return err::again;
            remove(*leases, *mine);
            return {};
        }
        TRY(check_opens(file, kind));
        for (Lease& l : *leases)
            if (&l != mine && (kind == LeaseKind::write || l.gives_back)) return err::again;
        if (mine) {
            mine->kind = kind;
            if (kind == LeaseKind::read) mine->steps_down = false;
            return {};
        }
        if (!settings.leases_enable.load(std::memory_order_relaxed)) return err::inval;
        leases->insert(*added);
        Lease& there = *added.release();
        all_.fetch_add(1);
        // Who opens the file counts itself first and looks for leases then: one of us sees the other.
        auto alone = check_opens(file, kind);
        if (!alone) remove(*leases, there);
        return alone;
    }();
    changed_.notify_all();
    return done;
}

LeaseKind LeaseList::of(const File& file) {
    auto leases = leases_.lock();
    expire(*leases);
    Lease* mine = find(*leases, file);
    if (!mine || mine->gives_back) return LeaseKind::none;
    return mine->steps_down ? LeaseKind::read : mine->kind;
}

Result<> LeaseList::break_for(bool writes, bool wait) {
    Deadline until = never;
    auto free = [&] {
        until = never;
        bool conflict = false;
        const File* last = nullptr;
        while (true) {
            Conflict next = next_conflict(writes, last);
            conflict |= next.found;
            until = std::min(until, next.until);
            if (!next.to_tell) return !conflict;
            if (file::Owner* owner = next.to_tell->owner.load(std::memory_order_acquire)) owner->message();
        }
    };
    if (!wait) return free() ? Result<>{} : err::again;
    while (true) {
        auto slept = wait_until(changed_, free, until);
        if (slept || slept.error() != Errno::timedout) return slept;
    }
}

/// Up to the first holder that has to be told, and has not been.
LeaseList::Conflict LeaseList::next_conflict(bool writes, const File*& last) {
    Conflict conflict;
    auto leases = leases_.lock();
    if (!last) expire(*leases);
    for (auto at = leases->upper_bound(last); at != leases->end(); ++at) {
        if (!at->conflicts(writes)) continue;
        conflict.found = true;
        last = at->file;
        bool asked = at->ask(writes);
        conflict.until =
            std::min({conflict.until, at->gives_back ? at->back_by : never, at->steps_down ? at->down_by : never});
        if (asked && at->file->try_retain()) {
            conflict.to_tell = Ref<File>::adopt(at->file);
            break;
        }
    }
    return conflict;
}

void LeaseList::drop(const File& file) {
    {
        auto leases = leases_.lock();
        Lease* mine = find(*leases, file);
        if (!mine) return;
        remove(*leases, *mine);
    }
    changed_.notify_all();
}

Result<LeaseList*> leases_of(File& file) {
    auto* there = file.inode()->attachments();
    return there ? &there->leases : Result<LeaseList*>{err::nomem};
}

Result<> lease_detail::break_some(Inode& inode, bool writes, bool wait) {
    auto* there = inode.attachments();
    return there ? there->leases.break_for(writes, wait) : Result<>{err::nomem};
}
void lease_detail::drop(Inode& inode, const File& file) {
    if (auto* there = inode.attachments()) there->leases.drop(file);
}
} // namespace vfs
