// Directory notification of fcntl(2), F_NOTIFY: the owner of an open directory gets a signal when something in it
// changes.
#pragma once
#include "core/wait/mutex.h"
#include "lib/intrusive.h"
#include "lib/memory.h"

class File;
class FileTable;
namespace vfs {
class Inode;
struct Path;

/// Who watches one directory.
class WatchList {
public:
    ~WatchList();
    /// F_NOTIFY by a descriptor of `table`: adds the DN_* events, or takes the watch away if there are none.
    /// err::nomem.
    Result<> set(File&, const FileTable* table, u32 events);
    /// A descriptor was closed in `table`; null: the open file is gone.
    void drop(const File&, const FileTable* table);
    void tell(u32 events);
    /// How many there are on all directories: 0 nearly always.
    static u32 in_use() { return all_.load(std::memory_order_relaxed); }

private:
    /// Which file, by a descriptor of which table. In the order of addresses: however many there are, telling goes on
    /// behind the one it has told last.
    struct Key {
        const File* file;
        const FileTable* table;
        auto operator<=>(const Key&) const = default;
    };
    struct Watch : TreeLink<> {
        Watch(File& f, const FileTable* t, u32 e) : file{&f}, table{t}, events{e} {}
        File* const file; // not counted: it takes its watches along
        const FileTable* const table;
        u32 events;
    };
    struct KeyOf {
        using type = Key;
        Key operator()(const Watch& w) const { return {w.file, w.table}; }
    };
    using Watches = bi::set<Watch, bi::base_hook<TreeLink<>>, bi::key_of_value<KeyOf>, bi::constant_time_size<false>>;
    static void remove(Watches&, Watch&);
    Ref<File> next_to_tell(u32 events, Key& last);

    Guarded<Watches, Mutex<Rank::inode>> watches_;
    static inline constinit std::atomic<u32> all_ = 0;
};

namespace watch_detail {
// Out of line: nearly always nobody watches, and each read and write asks.
[[gnu::cold]] void tell(Inode& directory, u32 events);
[[gnu::cold]] void notify_around(const Path&, u32 events);
} // namespace watch_detail

/// Tells who watches the directory that these DN_* events have happened in it.
inline void notify_watches(Inode& directory, u32 events) {
    if (WatchList::in_use()) [[unlikely]]
        watch_detail::tell(directory, events);
}
/// An event of a file, told to those of the directory that its name stands in, and of a directory to its own.
inline void notify_watches_of(const Path& at, u32 events) {
    if (WatchList::in_use()) [[unlikely]]
        watch_detail::notify_around(at, events);
}
} // namespace vfs
