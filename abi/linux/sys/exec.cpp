#include "abi/linux/sys/path.h"
#include "abi/linux/sys/process.h"
#include "kernel/process/task.h"
#include <cstring>
#include <linux/fcntl.h>

namespace linux_abi::sys {
namespace {
/// What may still be copied of arguments and environment, pointers included: execve(2).
u64 space_for_strings(Task& task) {
    u64 quarter = task.process().limits.soft(RLIMIT_STACK) / 4;
    return quarter < 128 * KiB ? 128 * KiB : quarter > 6 * MiB ? 6 * MiB : quarter;
}

/// A string of at most MAX_ARG_STRLEN bytes, null included; err::toobig.
Result<String> copy_argument(uptr from, u64& left) {
    constexpr usize longest = 128 * KiB;
    char piece[512];
    String s;
    for (;;) {
        usize n = sizeof piece - from % sizeof piece; // pieces do not cross pages
        usize got = arch::copy_in_partial(piece, from, n);
        auto* end = static_cast<const char*>(std::memchr(piece, 0, got));
        usize size = end ? static_cast<usize>(end - piece) : got;
        if (s.size() + size >= longest || size + 1 > left) return err::toobig;
        left -= size + (end ? 1 : 0);
        TRY(s.append({piece, size}));
        if (end) return s;
        if (got < n) return err::fault;
        from += n;
    }
}

Result<Vector<String>> copy_list(UserPtr<const uptr> from, u64& left) {
    Vector<String> list;
    if (!from) return list;
    for (usize i = 0;; i++) {
        uptr at = TRY(copy_in(from + i));
        if (!at) return list;
        if (left < sizeof(uptr)) return err::toobig;
        left -= sizeof(uptr);
        TRY(list.push(TRY(copy_argument(at, left))));
    }
}

struct Opened {
    Ref<File> file;
    String name;
    bool unreachable = false;
};
Result<Opened> open_program(Task& task, DirFd dir, UserPath user_path, int flags) {
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) return err::inval;
    PathName path;
    TRY(path.load(user_path));
    int fd = static_cast<int>(dir);
    bool absolute = path.view().starts_with('/');
    auto walker = absolute ? task.walker() : TRY(task.walker(fd));
    Opened opened;
    vfs::OpenHow how{.flags = O_RDONLY | vfs::open_for_execution};
    if (flags & AT_EMPTY_PATH) how.walk |= vfs::walk_empty;
    if (flags & AT_SYMLINK_NOFOLLOW) how.flags |= O_NOFOLLOW;
    opened.file = TRY(vfs::open(walker, path.view(), how));
    if (absolute || fd == AT_FDCWD)
        opened.name = TRY(String::create(path.view()));
    else {
        char text[32];
        BufferWriter out{text};
        ::print(out, "/dev/fd/{}{}", fd, path.view().empty() ? "" : "/");
        opened.name = TRY(String::create(out.text()));
        TRY(opened.name.append(path.view()));
        opened.unreachable = TRY(task.files->close_on_exec(fd));
    }
    return opened;
}

Result<> execute(Task& task, DirFd dir, UserPath path, UserPtr<const uptr> arguments, UserPtr<const uptr> environment,
                 int flags) {
    task.too_many_processes = task.too_many_processes && process::beyond_process_limit(task);
    if (task.too_many_processes) return err::again;
    auto opened = TRY(open_program(task, dir, path, flags));
    exec::Request request;
    u64 left = space_for_strings(task);
    request.arguments = TRY(copy_list(arguments, left));
    request.environment = TRY(copy_list(environment, left));
    if (request.arguments.empty()) TRY(request.arguments.push({})); // a program always has an argv[0]
    request.file = std::move(opened.file);
    request.path = opened.name.view();
    request.path_is_unreachable = opened.unreachable;
    return exec::execute(task, request);
}
} // namespace

Result<Resume> execve(Task& task, UserPath path, UserPtr<const uptr> arguments, UserPtr<const uptr> environment) {
    TRY(execute(task, DirFd{AT_FDCWD}, path, arguments, environment, 0));
    return Resume{};
}
Result<Resume> execveat(Task& task, DirFd dir, UserPath path, UserPtr<const uptr> arguments,
                        UserPtr<const uptr> environment, int flags) {
    TRY(execute(task, dir, path, arguments, environment, flags));
    return Resume{};
}
} // namespace linux_abi::sys
