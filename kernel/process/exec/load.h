// Loading: from a Request to a new address space that is ready to run. Nothing of the task changes yet.
#pragma once
#include "kernel/process/exec/image.h"
#include "kernel/process/task.h"
#include "kernel/vfs/open_counts.h"

namespace exec {
/// Keeps a file from being opened for writing.
class WriteGuard {
public:
    WriteGuard() = default;
    WriteGuard(WriteGuard&& other) noexcept : file_{std::move(other.file_)} {}
    WriteGuard& operator=(WriteGuard other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~WriteGuard() {
        if (auto* opens = file_ ? vfs::open_counts(*file_) : nullptr) opens->allow_writing();
    }
    /// Lets the file before go. err::txtbsy: it is open for writing.
    Result<> hold(Ref<File> file) {
        if (auto* opens = vfs::open_counts(*file)) TRY(opens->deny_writing());
        WriteGuard next;
        next.file_ = std::move(file);
        *this = std::move(next);
        return {};
    }

private:
    Ref<File> file_;
};

struct Loaded {
    Ref<AddressSpace> space;
    Ref<File> file;   // the program, or the interpreter of a script
    WriteGuard guard; // of `file`, until the process has it
    const Abi* abi = nullptr;
    uptr entry = 0, stack = 0;
    Ref<const Credentials> credentials; // with set-id bits and file's rules applied
    bool secure = false;                // AT_SECURE
    bool readable = true;               // the program and its interpreter, by who started it: else not dumpable
    vfs::FsContext::Closed places;      // nobody comes to share the task's root and working directory meanwhile
    FixedString<15> name;               // comm
    /// Errors from here on end the task, as they do on Linux, where the old image is gone by now.
    bool mapping = false;
};

/// `task`: whose credentials, view, limits and paths count; need not be the current one. Arguments of scripts are put
/// before request.arguments.
Result<> load(Task& task, Request&, Loaded&);

/// For a task that has never run: load and become, or fail.
Result<> execute_first(Task& task, Request&);

// Parts of load().

/// "#!": replaces the file by the interpreter and extends the arguments. False: the file is no script.
Result<bool> follow_script(Task& task, Request&);
/// execve's rules about credentials: set-user-ID, capabilities of files and of root, ambient sets, no_new_privs,
/// nosuid, places shared with others. err::perm: see capabilities(7), "capability-dumb" programs.
Result<> choose_credentials(Task& task, File& program, Loaded&);
/// Who starts a program that it may not read must not find its text in the process either.
bool may_read(File& program, const Credentials&);

struct Auxiliary {
    uptr headers = 0, entry = 0, base = 0;
    u16 header_count = 0;
};
/// Maps the stack and writes arguments, environment and the auxiliary vector. err::toobig.
Result<> make_stack(Task& task, const Request&, const Auxiliary&, Loaded&);
} // namespace exec
