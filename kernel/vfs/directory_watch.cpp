#include "kernel/vfs/directory_watch.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/path.h"
#include <linux/fcntl.h>

namespace vfs {
WatchList::~WatchList() {
    Watches& watches = watches_.unguarded();
    while (!watches.empty()) remove(watches, *watches.begin());
}

void WatchList::remove(Watches& watches, Watch& w) {
    watches.erase(watches.iterator_to(w));
    delete &w;
    all_.fetch_sub(1, std::memory_order_relaxed);
}

Result<> WatchList::set(File& file, const FileTable* table, u32 events) {
    if (!(events & ~u32{DN_MULTISHOT})) return drop(file, table), Result<>{};
    auto added = TRY(make<Watch>(file, table, events));
    auto watches = watches_.lock();
    auto [at, is_new] = watches->insert(*added);
    if (!is_new) return at->events |= events, Result<>{};
    (void)added.release();
    all_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

void WatchList::drop(const File& file, const FileTable* table) {
    auto watches = watches_.lock();
    for (auto at = watches->lower_bound({&file, table}); at != watches->end() && at->file == &file;) {
        Watch& w = *at++;
        if (table && w.table != table) return;
        remove(*watches, w);
    }
}

/// The file of the next watch behind `last` that wants to know, which is over unless it is for more than one event.
Ref<File> WatchList::next_to_tell(u32 events, Key& last) {
    auto watches = watches_.lock();
    for (auto at = watches->upper_bound(last); at != watches->end(); ++at) {
        if (!(at->events & events)) continue;
        if (!at->file->try_retain()) continue; // it is going, and takes the watch along
        auto file = Ref<File>::adopt(at->file);
        last = {at->file, at->table};
        if (!(at->events & DN_MULTISHOT)) remove(*watches, *at);
        return file;
    }
    return nullptr;
}

void WatchList::tell(u32 events) {
    Key last{};
    while (auto file = next_to_tell(events, last))
        if (file::Owner* owner = file->owner.load(std::memory_order_acquire)) owner->message();
}

void watch_detail::tell(Inode& directory, u32 events) {
    if (auto* there = directory.attachments()) there->watches.tell(events);
}

void watch_detail::notify_around(const Path& at, u32 events) {
    if (auto up = at.dentry->parent()) tell(*up->inode(), events);
    if (at.inode().is_directory()) tell(at.inode(), events);
}
} // namespace vfs
