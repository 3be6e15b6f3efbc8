#include "kernel/file/directory_watch.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/path.h"
#include <linux/fcntl.h>

namespace file {
constinit std::atomic<u32> WatchList::all_ = 0;

WatchList::~WatchList() {
    Watches& watches = watches_.unguarded();
    while (!watches.empty()) remove(watches, watches.front());
}

void WatchList::remove(Watches& watches, Watch& w) {
    watches.erase(watches.iterator_to(w));
    delete &w;
    all_.fetch_sub(1, std::memory_order_relaxed);
}

Result<> WatchList::set(File& file, const FileTable* table, u32 events) {
    if (!(events & ~u32{DN_MULTISHOT})) return drop(file, table), Result<>{};
    auto added = TRY(make<Watch>());
    auto watches = watches_.lock();
    for (Watch& w : *watches)
        if (w.file == &file && w.table == table) return w.events |= events, Result<>{};
    added->file = &file;
    added->table = table;
    added->events = events;
    watches->push_back(*added.release());
    all_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

void WatchList::drop(const File& file, const FileTable* table) {
    auto watches = watches_.lock();
    for (auto at = watches->begin(); at != watches->end();) {
        Watch& w = *at++;
        if (w.file == &file && (!table || w.table == table)) remove(*watches, w);
    }
}

/// The file of the first watch from `at` on that wants to know, which is over unless it is for more than one event.
Ref<File> WatchList::next_to_tell(u32 events, usize& at) {
    auto watches = watches_.lock();
    usize i = 0;
    for (Watch& w : *watches) {
        if (i++ < at || !(w.events & events)) continue;
        if (!w.file->try_retain()) continue; // it is going, and takes the watch along
        auto file = Ref<File>::adopt(w.file);
        bool once = !(w.events & DN_MULTISHOT);
        at = once ? i - 1 : i;
        if (once) remove(*watches, w);
        return file;
    }
    return nullptr;
}

void WatchList::tell(u32 events) {
    usize at = 0;
    while (auto file = next_to_tell(events, at))
        if (Owner* owner = file->owner.load(std::memory_order_acquire)) owner->message();
}

void tell_watches(vfs::Inode& directory, u32 events) {
    if (!WatchList::in_use()) return;
    if (auto* there = directory.attachments()) there->watches.tell(events);
}

void tell_watches_of(const vfs::Path& at, u32 events) {
    if (!WatchList::in_use()) return;
    if (auto up = at.dentry->parent()) tell_watches(*up->inode(), events);
    if (at.inode().is_directory()) tell_watches(at.inode(), events);
}
} // namespace file
