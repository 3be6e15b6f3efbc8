// Who watches one inode: inotify(7), and directory notification of fcntl(2), F_NOTIFY, where the owner of an open
// directory gets a signal when something in it changes.
#pragma once
#include "core/wait/mutex.h"
#include "kernel/vfs/inotify.h"

class FileTable;
namespace vfs {
class Inode;

class WatchList {
public:
    explicit WatchList(Inode& of) : of_{of} {}
    ~WatchList();
    /// To those who want to know, of inotify's with the lock held; owners of open directories get their signals without
    /// it.
    void tell(const Event&);

    // F_NOTIFY
    /// By a descriptor of `table`: adds the DN_* events, or takes the watch away if there are none. err::nomem.
    Result<> set(File&, const FileTable* table, u32 events);
    /// A descriptor was closed in `table`; null: the open file is gone.
    void drop(const File&, const FileTable* table);

    // inotify
    /// inotify_add_watch(2): the number of the instance's watch, new or changed. err::exist, nospc, nomem.
    Result<int> add(inotify::Instance&, u32 mask);
    /// Ends the instance's watch of that number, if it is this inode's: whether it was.
    bool end(inotify::Instance&, int number);
    /// Ends all of them, after an event that they may want to know of.
    void end_all(u32 events);

private:
    /// Which file, by a descriptor of which table. In the order of addresses: however many there are, telling goes on
    /// behind the one it has told last.
    struct Key {
        const File* file;
        const FileTable* table;
        auto operator<=>(const Key&) const = default;
    };
    struct DirectoryWatch : TreeLink<> {
        DirectoryWatch(File& f, const FileTable* t) : file{&f}, table{t} {}
        File* const file; // not counted: it takes its watches along
        const FileTable* const table;
        u32 events = 0; // IN_*
        bool lasts = false;
    };
    struct KeyOf {
        using type = Key;
        Key operator()(const DirectoryWatch& w) const { return {w.file, w.table}; }
    };
    struct Lists {
        bi::set<DirectoryWatch, bi::base_hook<TreeLink<>>, bi::key_of_value<KeyOf>, bi::constant_time_size<false>>
            directory;
        List<inotify::Watch> inotify;
    };
    void remove(Lists&, DirectoryWatch&);
    void end(Lists&, inotify::Watch&);
    void publish(Lists&);
    Ref<File> next_to_signal(u32 events, Key& last);

    Inode& of_;
    Guarded<Lists, Mutex<Rank::inode>> lists_;
};
} // namespace vfs
