// What file systems that keep nothing are made of: tables of items, whose texts are made when they are read.
#pragma once
#include "kernel/process/inspect.h"
#include "kernel/process/task.h"
#include "kernel/vfs/operations.h"
#include <array>
#include <linux/stat.h>

namespace pseudo {
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

/// What an item is about.
struct Context {
    Ref<View> view; // whose file system it is
    // Of /proc/pid and what is below it; null elsewhere.
    Ref<Process> process = {};
    Ref<Task> task = {};
    int number = -1;     // by which a NumberDirectory found it: a descriptor, a CPU
    bool sysctl = false; // below /proc/sys
    // Who owns what is about no process.
    Kuid uid{0};
    Kgid gid{0};
    PidNamespace& pids() const { return *view->pids; }
    /// Of a file system that belongs to who mounts it.
    static Context of_mounter(const vfs::MountRequest& by) {
        return {.view = Ref<View>::share(&by.view), .uid = by.uid, .gid = by.gid};
    }
};

struct Item;
using Items = std::span<const Item>;
/// An entry of a directory: exactly one of the functions (`store` and `open` come with a text), or `children`.
struct Item {
    std::string_view name;
    u32 mode = 0;                                             // S_IF* included
    void (*print)(Writer&, const Context&) = nullptr;         // a text, whole
    Result<> (*try_print)(Writer&, const Context&) = nullptr; // a text that there may not be
    /// A text of any length: prints the record at `at`, 0 for the first, and moves `at` behind it; false: there is
    /// none.
    Result<bool> (*print_record)(Writer&, const Context&, u64& at) = nullptr;
    Result<> (*store)(std::string_view text, const Context&) = nullptr; // of a writable file
    /// Of a text that is more than a TextFile; or that cannot always be opened.
    Result<Ref<File>> (*open)(const vfs::Path&, u32 flags, const Item&, const Context&) = nullptr;
    Result<vfs::Path> (*place)(const Context&) = nullptr; // a magic link
    Result<String> (*target)(const Context&) = nullptr;   // what readlink of any link shows
    Result<Ref<vfs::Inode>> (*inode)(vfs::Superblock&, const Context&, u64 number) = nullptr; // made by its own code
    const Items* children = nullptr;
    u32 size = 0;            // what stat(2) shows of a text, and where SEEK_END is; 0: there is no such place
    bool restricted = false; // only for those who may trace the process
    bool at_open = false;    // the text is made when the file is opened (printing takes locks that reading cannot)
    bool lasting = false;    // what is open goes on when the process has been reaped
    bool is_text() const { return print || try_print || print_record || store; }
};

/// Two tables as one.
template <usize a, usize b>
consteval auto join(const Item (&first)[a], const Item (&second)[b]) {
    std::array<Item, a + b> all;
    for (usize i = 0; i < a + b; i++) all[i] = i < a ? first[i] : second[i - a];
    return all;
}

/// Whose IDs and clocks a text shows: the reader's, as on Linux.
View& reader_view(const Context&);
/// The process, or the thread, that the context is about has ended and been waited for.
bool is_gone(const Context&);
} // namespace pseudo
