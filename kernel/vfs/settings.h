// What /proc/sys/fs lets the host's superuser change: proc_sys_fs(5). Read without locks.
#pragma once
#include "lib/types.h"
#include <atomic>

namespace vfs {
struct Settings {
    /// How far names in sticky directories that others may write to are trusted. 0: as any other.
    /// `protected_regular` and `protected_fifos` 2: in directories that only a group may write to as well.
    std::atomic<u32> protected_hardlinks = 1, protected_symlinks = 1, protected_fifos = 1, protected_regular = 2;
    /// Mounts that one view may have.
    std::atomic<u32> mount_max = 100'000;
    /// Whether there may be leases, and how many seconds their holders have to give them back; 0: as long as they like.
    std::atomic<u32> leases_enable = 1, lease_break_time = 45;
    /// inotify(7): what one user may have of instances and watches, and events that wait in one instance. The number of
    /// watches depends on the machine's memory.
    std::atomic<u32> inotify_instances = 128, inotify_watches = 8192, inotify_events = 16'384;
    /// How old a change may become before it is written back, and how often somebody looks. Not in /proc.
    std::atomic<u32> write_back_age_ms = 30'000, write_back_interval_ms = 5'000;
};
extern Settings settings;
} // namespace vfs
