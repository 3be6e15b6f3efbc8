#include "kernel/vfs/watches.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/notify.h"
#include <linux/fcntl.h>

namespace vfs {
namespace {
/// What the DN_* events are.
u32 events_of_dn(u32 wanted) {
    static constexpr struct {
        u32 dn, in;
    } words[] = {{DN_ACCESS, IN_ACCESS},
                 {DN_MODIFY, IN_MODIFY},
                 {DN_CREATE, IN_CREATE | IN_MOVED_TO},
                 {DN_DELETE, IN_DELETE | IN_MOVED_FROM},
                 {DN_RENAME, renamed_within},
                 {DN_ATTRIB, IN_ATTRIB}};
    u32 events = 0;
    for (auto& w : words)
        if (wanted & w.dn) events |= w.in;
    return events;
}
} // namespace

// inotify's hold the inode, so they have ended.
WatchList::~WatchList() {
    Lists& lists = lists_.unguarded();
    while (!lists.directory.empty()) remove(lists, *lists.directory.begin());
}

/// What anybody wants to know, where it is read without the lock.
void WatchList::publish(Lists& lists) {
    u32 wanted = 0;
    for (const DirectoryWatch& w : lists.directory) wanted |= w.events;
    for (const inotify::Watch& w : lists.inotify) wanted |= w.events;
    of_.watched_.store(wanted, std::memory_order_relaxed);
}

void WatchList::tell(const Event& event) {
    bool signals;
    {
        auto lists = lists_.lock();
        for (auto at = lists->inotify.begin(); at != lists->inotify.end();) {
            inotify::Watch& w = *at++;
            if (!(w.events & event.events) || (event.unlinked && w.excludes_unlinked)) continue;
            w.instance.put(w.number, event);
            if (!w.once) continue;
            end(*lists, w);
            publish(*lists);
        }
        signals = !lists->directory.empty();
    }
    Key last{};
    while (auto file = signals ? next_to_signal(event.events, last) : nullptr)
        if (file::Owner* owner = file->owner.load(std::memory_order_acquire)) owner->message();
}

void WatchList::remove(Lists& lists, DirectoryWatch& w) {
    lists.directory.erase(lists.directory.iterator_to(w));
    delete &w;
    file::inode_watches.fetch_sub(1, std::memory_order_relaxed);
    publish(lists);
}

Result<> WatchList::set(File& file, const FileTable* table, u32 wanted) {
    u32 events = events_of_dn(wanted);
    if (!events) return drop(file, table), Result<>{};
    auto added = TRY(make<DirectoryWatch>(file, table));
    auto lists = lists_.lock();
    auto [at, is_new] = lists->directory.insert(*added);
    if (is_new) {
        (void)added.release();
        file::inode_watches.fetch_add(1, std::memory_order_relaxed);
    }
    at->events |= events;
    at->lasts |= (wanted & DN_MULTISHOT) != 0;
    publish(*lists);
    return {};
}

void WatchList::drop(const File& file, const FileTable* table) {
    auto lists = lists_.lock();
    auto& watches = lists->directory;
    for (auto at = watches.lower_bound({&file, table}); at != watches.end() && at->file == &file;) {
        DirectoryWatch& w = *at++;
        if (table && w.table != table) return;
        remove(*lists, w);
    }
}

/// The file of the next watch behind `last` that wants to know, which is over unless it is for more than one event.
Ref<File> WatchList::next_to_signal(u32 events, Key& last) {
    auto lists = lists_.lock();
    auto& watches = lists->directory;
    for (auto at = watches.upper_bound(last); at != watches.end(); ++at) {
        if (!(at->events & events)) continue;
        if (!at->file->try_retain()) continue; // it is going, and takes the watch along
        auto file = Ref<File>::adopt(at->file);
        last = {at->file, at->table};
        if (!at->lasts) remove(*lists, *at);
        return file;
    }
    return nullptr;
}

Result<int> WatchList::add(inotify::Instance& instance, u32 mask) {
    auto lists = lists_.lock();
    for (inotify::Watch& w : lists->inotify) {
        if (&w.instance != &instance) continue;
        if (mask & IN_MASK_CREATE) return err::exist;
        instance.change_watch(w, mask);
        publish(*lists);
        return w.number;
    }
    auto* added = TRY(instance.make_watch(of_, mask));
    lists->inotify.push_back(*added);
    of_.superblock().watches.lock()->push_back(*added);
    file::inode_watches.fetch_add(1, std::memory_order_relaxed);
    publish(*lists);
    return added->number;
}

/// publish() comes after it. The inode's last reference is not the watch's: the caller has one.
void WatchList::end(Lists& lists, inotify::Watch& w) {
    lists.inotify.erase(lists.inotify.iterator_to(w));
    {
        auto of_superblock = of_.superblock().watches.lock();
        of_superblock->erase(of_superblock->iterator_to(w));
    }
    file::inode_watches.fetch_sub(1, std::memory_order_relaxed);
    w.instance.drop_watch(w);
}

bool WatchList::end(inotify::Instance& instance, int number) {
    auto lists = lists_.lock();
    inotify::Watch* w = instance.find_watch(number, of_);
    if (!w) return false; // another thread has ended it
    end(*lists, *w);
    publish(*lists);
    return true;
}

void WatchList::end_all(u32 events) {
    auto lists = lists_.lock();
    while (!lists->inotify.empty()) {
        inotify::Watch& w = lists->inotify.front();
        if (w.events & events) w.instance.put(w.number, {events});
        end(*lists, w);
    }
    publish(*lists);
}
} // namespace vfs
