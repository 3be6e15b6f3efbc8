// What is done with open files, told to those who watch their inodes: inotify(7), and F_NOTIFY of fcntl(2).
#pragma once
#include "kernel/file/file.h"
#include <linux/inotify.h>

namespace file {
/// Who knows the watches: the VFS (kernel/vfs/notify.h).
class Observer {
public:
    /// `events`: IN_*. The file has `notifies`. Called without locks; its last reference may be going.
    virtual void happened(File&, u32 events) = 0;

protected:
    ~Observer() = default;
};
/// Once, at boot.
void set_observer(Observer&);
/// How many watches all inodes have: 0 nearly always.
inline constinit std::atomic<u32> inode_watches = 0;
inline bool anybody_watches() { return inode_watches.load(std::memory_order_relaxed); }

// Out of line: nearly always nobody watches, and each read and write asks.
[[gnu::cold]] void tell_observer(File&, u32 events);
inline void tell(File& f, u32 events) {
    if (anybody_watches()) [[unlikely]]
        tell_observer(f, events);
}
} // namespace file
