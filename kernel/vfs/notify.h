// What changes a file, or looks into it, says so where the system call does its work, in the words of inotify(7): IN_*
// bits. Several of them at once are one event. What is done with open files comes by way of kernel/file/notify.h.
#pragma once
#include "kernel/file/notify.h"
#include <string_view>

namespace vfs {
class Inode;
class Superblock;
struct AttributeChange;
struct Path;

/// With IN_MOVED_FROM of a rename within one directory: DN_RENAME. Not a bit of inotify's.
inline constexpr u32 renamed_within = 0x1'0000;

namespace notify_detail {
// Out of line: nearly always nobody watches.
[[gnu::cold]] void around(const Path&, u32 events, bool by_open_file);
[[gnu::cold]] void of_inode(Inode&, u32 events);
[[gnu::cold]] void of_name(Inode& directory, std::string_view name, u32 events, u32 cookie);
} // namespace notify_detail

/// An event of a file, by this name: to who watches its directory, and to who watches itself.
inline void notify(const Path& at, u32 events) {
    if (file::anybody_watches()) [[unlikely]]
        notify_detail::around(at, events, false);
}
/// To who watches the inode, by whatever name.
inline void notify_inode(Inode& inode, u32 events) {
    if (file::anybody_watches()) [[unlikely]]
        notify_detail::of_inode(inode, events);
}
/// A name comes to a directory or leaves it. IN_ISDIR is the caller's to set. `cookie`: see next_cookie().
inline void notify_name(Inode& directory, std::string_view name, u32 events, u32 cookie = 0) {
    if (file::anybody_watches()) [[unlikely]]
        notify_detail::of_name(directory, name, events, cookie);
}
/// What the two halves of a rename have in common.
u32 next_cookie();
/// What a change of attributes is.
u32 events_of(const AttributeChange&);

/// A name of a watched inode has left memory: if it had no other, its watches end.
void name_gone(Inode&);
/// No mount shows the file system any more: the watches of its inodes end.
void unmounted(Superblock&);
/// Once, from vfs::init().
void init_notify();
} // namespace vfs
