// The inodes of /proc: directories of items, text made when it is read, links to places.
#pragma once
#include "kernel/process/inspect.h"
#include "kernel/process/task.h"
#include "kernel/vfs/operations.h"

namespace proc {
/// Text of any length, up to a bound.
class TextWriter final : public Writer {
public:
    void write(std::string_view s) override {
        failed_ = failed_ || text_.size() + s.size() > most || !text_.append({s.data(), s.size()});
    }
    bool failed() const { return failed_; }
    std::string_view text() const { return {text_.data(), text_.size()}; }
    /// Empty again; the room stays.
    void clear() {
        text_.clear();
        failed_ = false;
    }

private:
    static constexpr usize most = 4 * MiB;
    Vector<char> text_;
    bool failed_ = false;
};

/// What an item is about. `process` and `task` are null outside of the processes' directories.
struct Context {
    Ref<View> view;
    PidNamespace& pids() const { return *view->pids; }
    Ref<Process> process;
    Ref<Task> task;
    int fd = -1;
    bool sysctl = false; // below /proc/sys
};

struct Item;
using Items = std::span<const Item>;
/// An entry of a directory: exactly one of the functions (`store` may come with a text), or `children`.
struct Item {
    std::string_view name;
    u32 mode;                                             // S_IF* included
    Result<> (*print)(Writer&, const Context&) = nullptr; // a text, whole
    /// A text of any length: prints the record at `at`, 0 for the first, and moves `at` behind it; false: there is
    /// none.
    Result<bool> (*print_record)(Writer&, const Context&, u64& at) = nullptr;
    Result<> (*store)(std::string_view text, const Context&) = nullptr; // of a writable file
    Result<vfs::Path> (*place)(const Context&) = nullptr;               // a magic link
    Result<String> (*target)(const Context&) = nullptr;                 // what readlink of any link shows
    Result<Ref<vfs::Inode>> (*directory)(vfs::Superblock&, const Context&,
                                         u64 number) = nullptr; // made by its own code
    const Items* children = nullptr;
    bool restricted = false; // only for those who may trace the process
    bool at_open = false;    // the text is made when the file is opened (printing takes locks that reading cannot)
    bool of_memory = false;  // cannot be opened when the thread has ended
    bool of_mounts = false;  // poll() tells that the process's mounts have changed
    std::atomic<u32> UtsNamespace::* of_names = nullptr; // poll() tells that this count has changed: uname(2)'s names
};

class Superblock final : public vfs::Superblock {
public:
    explicit Superblock(View& of) : view{Ref<View>::share(&of)}, mounted{vfs::now()} {}
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override;
    std::string_view type_name() const override { return "proc"; }
    const Ref<View> view;
    const vfs::Timestamp mounted;
};

/// Base of all inodes: attributes, and who may look.
class Inode : public vfs::Inode {
public:
    Inode(vfs::Superblock& sb, u64 number, u32 mode, Context context, bool restricted)
        : vfs::Inode{sb, number, mode}, mode_{mode}, restricted_{restricted}, context_{std::move(context)} {}
    vfs::Attributes attributes() override;
    Result<> change(const vfs::AttributeChange&) override { return err::perm; }
    Result<> permission(const Credentials&, unsigned may) override;

protected:
    vfs::Protection unpublished_protection() override;
    Superblock& sb() const { return static_cast<Superblock&>(*superblock_); }
    virtual u32 link_count() const { return is_directory() ? 2 : 1; }
    const u32 mode_;
    const bool restricted_;
    const Context context_;
};

/// A directory with fixed items.
class ItemDirectory : public Inode, public vfs::Directory {
public:
    ItemDirectory(vfs::Superblock& sb, u64 number, u32 mode, Context context, Items items)
        : Inode{sb, number, mode, std::move(context), false}, items_{items} {}
    vfs::Directory* directory() final { return this; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
    Result<> read(DirectorySink&, u64* at) override;
    bool volatile_names() const override { return static_cast<bool>(context_.process); }

protected:
    const Items items_;
};

/// The inode for an item, below the directory with number `parent`.
Result<Ref<vfs::Inode>> make_item(vfs::Superblock&, const Item&, const Context&, u64 number);
/// Numbers: 64 places below each directory of fixed items; processes' directories lie beyond all fixed ones.
constexpr u64 item_number(u64 directory, usize index) { return directory * 64 + index + 1; }
constexpr u64 process_number(Pid tid) { return (u64{1} << 32) + static_cast<u64>(tid) * 64; }

/// The process, or the thread, that the context is about has ended and been waited for.
bool is_gone(const Context&);

using process::may_inspect;
Result<Ref<vfs::Inode>> make_process_directory(vfs::Superblock&, View&, Pid pid); // err::noent
Ref<AddressSpace> space_of(Task&);
Ref<FileTable> files_of(Task&);
Ref<vfs::FsContext> fs_of(Task&);
Ref<vfs::MountTree> mounts_of(Task&);
/// Its threads as Linux counts them: the first one until the process is reaped.
unsigned threads_of(Process&);

// kernel/process as text: status.cpp, memory.cpp.
Result<> print_status(Writer&, const Context&);
Result<> print_stat(Writer&, const Context&);
Result<> print_thread_stat(Writer&, const Context&);
Result<> print_statm(Writer&, const Context&);
Result<> print_limits(Writer&, const Context&);
Result<> print_io(Writer&, const Context&);
Result<> print_thread_io(Writer&, const Context&);
Result<> print_schedstat(Writer&, const Context&);
Result<bool> print_maps(Writer&, const Context&, u64& at);
Result<bool> print_cmdline(Writer&, const Context&, u64& at);
Result<bool> print_environ(Writer&, const Context&, u64& at);
Result<> print_auxv(Writer&, const Context&);
/// A line of maps.
void print_area(Writer&, const AddressSpace::AreaInfo&);
// smaps.cpp
Result<bool> print_smaps(Writer&, const Context&, u64& at);
Result<> print_smaps_rollup(Writer&, const Context&);
// mem.cpp
Result<Ref<vfs::Inode>> make_memory_inode(vfs::Superblock&, const Context&, u64 number);
// oom.cpp
Result<> print_oom_score(Writer&, const Context&);
Result<> print_oom_adjustment(Writer&, const Context&);
Result<> store_oom_adjustment(std::string_view text, const Context&);
/// oom_adj, the old scale: -17 to 15.
Result<> print_old_oom_adjustment(Writer&, const Context&);
Result<> store_old_oom_adjustment(std::string_view text, const Context&);
// fd.cpp
Result<Ref<vfs::Inode>> make_fd_directory(vfs::Superblock&, const Context&, u64 number);
Result<Ref<vfs::Inode>> make_fdinfo_directory(vfs::Superblock&, const Context&, u64 number);
// system.cpp: the files at the top, and sys/.
extern const Items root_items;
} // namespace proc
