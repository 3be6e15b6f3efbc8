#include "container/stdio.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/inode.h"
#include <linux/fcntl.h>
#include <linux/major.h>
#include <linux/stat.h>

namespace container {
namespace {
constexpr u64 console_device = device::number(TTYAUX_MAJOR, 1);

bool is_console(const vfs::Path& place) {
    auto attributes = place.inode().attributes();
    return S_ISCHR(attributes.mode) && attributes.device == console_device;
}

/// A terminal under a name that leads back to it: where it is the console, /dev/console, so that ttyname(3) finds it.
/// The machine's console elsewhere has none.
Ref<File> by_own_name(const vfs::Walker& inside, Ref<File> given, const TerminalBase* console) {
    auto terminal = tty::terminal_of(*given);
    if (!terminal) return given;
    bool is_ours = terminal.get() == console;
    auto place = vfs::resolve(inside, "/dev/console", vfs::walk_follow);
    const vfs::Path* name = is_ours && place && is_console(*place) ? &*place : nullptr;
    if (!name && (!given->path() || !is_console(*given->path()))) return given; // a pty has its own
    auto opened = tty::open(std::move(terminal), given->flags, name);
    return opened ? std::move(*opened) : given;
}
} // namespace

Result<> check_stdio(const Stdio& stdio, json::Complaint& why) {
    static constexpr std::string_view names[] = {"input", "output", "error"};
    for (usize i = 0; i < stdio.size(); i++) {
        if (!stdio[i]) continue;
        auto* inode = stdio[i]->inode();
        bool directory = inode && inode->is_directory();
        if (!directory && !stdio[i]->path_only()) continue;
        why.say("standard {} is {}: the container could leave its own tree by it", names[i],
                directory ? "a directory" : "open as a path only (O_PATH)");
        return err::inval;
    }
    return {};
}

Ref<TerminalBase> console_of(const Stdio& stdio) {
    for (auto& file : stdio)
        if (file)
            if (auto terminal = tty::terminal_of(*file)) return terminal;
    return nullptr;
}

Result<Ref<FileTable>> install_stdio(const vfs::Walker& inside, const Stdio& stdio, const TerminalBase* console) {
    auto files = TRY(FileTable::create());
    for (int fd = 0; fd < 3; fd++)
        if (auto& given = stdio[static_cast<usize>(fd)])
            TRY(files->install_at(fd, by_own_name(inside, given, console), false, 3));
    return files;
}

void give_stdio_to(Kuid uid, FileTable& files) {
    for (int fd = 0; fd < 3; fd++) {
        auto file = files.get(fd);
        auto* inode = file ? (*file)->inode() : nullptr;
        if (!inode || inode->protection().uid == uid) continue;
        auto attributes = inode->attributes();
        if (S_ISCHR(attributes.mode) && device::major(attributes.device) == MEM_MAJOR) continue;
        const vfs::Path* place = (*file)->path();
        if (place && place->mount->read_only()) continue;
        (void)inode->change({.set = vfs::AttributeChange::uid_bit, .uid = uid});
    }
}
} // namespace container
