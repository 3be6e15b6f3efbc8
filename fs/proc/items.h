// What /proc is made of: the texts, links and directories of processes and of the system.
#pragma once
#include "fs/pseudo/inode.h"
#include "fs/pseudo/text_file.h"

namespace proc {
using process::may_inspect;
using pseudo::Context, pseudo::Item, pseudo::Items, pseudo::TextWriter, pseudo::reader_view;
/// Inode numbers: processes' directories lie beyond all fixed ones.
constexpr u64 process_number(Pid tid) { return (u64{1} << 32) + static_cast<u64>(tid) * 64; }
Result<Ref<vfs::Inode>> make_process_directory(vfs::Superblock&, View&, Pid pid); // err::noent
Ref<AddressSpace> space_of(Task&);
Ref<FileTable> files_of(Task&);
Ref<vfs::FsContext> fs_of(Task&);
Ref<vfs::MountTree> mounts_of(Task&);
/// Its threads as Linux counts them: the first one until the process is reaped.
unsigned threads_of(Process&);

// kernel/process as text: status.cpp, memory.cpp.
Result<> print_status(Writer&, const Context&);
void print_stat(Writer&, const Context&);
void print_thread_stat(Writer&, const Context&);
void print_statm(Writer&, const Context&);
void print_limits(Writer&, const Context&);
void print_io(Writer&, const Context&);
void print_thread_io(Writer&, const Context&);
void print_schedstat(Writer&, const Context&);
Result<bool> print_maps(Writer&, const Context&, u64& at);
Result<bool> print_cmdline(Writer&, const Context&, u64& at);
Result<bool> print_environ(Writer&, const Context&, u64& at);
void print_auxv(Writer&, const Context&);
/// A line of maps.
void print_area(Writer&, const AddressSpace::AreaInfo&);
// smaps.cpp
Result<bool> print_smaps(Writer&, const Context&, u64& at);
Result<> print_smaps_rollup(Writer&, const Context&);
// mounts.cpp: a change of the mounts is told to poll(2).
Result<> print_mount_table(Writer&, const Context&);
Result<> print_mountinfo(Writer&, const Context&);
Result<Ref<File>> open_mounts(const vfs::Path&, u32 flags, const Item&, const Context&);
// mem.cpp
Result<Ref<vfs::Inode>> make_memory_inode(vfs::Superblock&, const Context&, u64 number);
// oom.cpp
void print_oom_score(Writer&, const Context&);
void print_oom_adjustment(Writer&, const Context&);
Result<> store_oom_adjustment(std::string_view text, const Context&);
/// oom_adj, the old scale: -17 to 15.
void print_old_oom_adjustment(Writer&, const Context&);
Result<> store_old_oom_adjustment(std::string_view text, const Context&);
// fd.cpp
Result<Ref<vfs::Inode>> make_fd_directory(vfs::Superblock&, const Context&, u64 number);
Result<Ref<vfs::Inode>> make_fdinfo_directory(vfs::Superblock&, const Context&, u64 number);
// system.cpp: the files at the top.
extern const Items root_items;
// sysvipc.cpp
extern const Items sysvipc_items;
// net/directory.cpp
extern const Items net_items;
// net/settings.cpp
extern const Items net_settings_items;
// sysctl.cpp
Result<Ref<vfs::Inode>> make_sys_directory(vfs::Superblock&, const Context&, u64 number);
} // namespace proc
