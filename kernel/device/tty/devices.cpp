// /dev/tty, /dev/console, /dev/ptmx, and the slaves of pseudo-terminals.
#include "kernel/device/devices.h"
#include "kernel/device/tty/pty.h"
#include "kernel/process/task.h"
#include "kernel/vfs/anonymous.h"
#include <asm/fcntl.h>

namespace device {
namespace {
class TerminalDevices final : public CharacterDevice {
public:
    Result<Ref<File>> open(u64 device, const vfs::Path& path, u32 flags) override {
        switch (minor(device)) {
        case 0: return tty::open(TRY(tty::controlling_terminal()), flags | O_NOCTTY, &path);
        case 1: return tty::open(TRY(console(path)), flags | O_NOCTTY, &path);
        case 2: return tty::open_multiplexer(path, flags);
        default: return err::nxio;
        }
    }
    std::string_view name() const override { return "/dev/tty"; }

private:
    /// The machine's, for the host world and for who was given it as a standard file; in a container, where the session
    /// or the container was started.
    static Result<Ref<tty::Terminal>> console(const vfs::Path& path) {
        View& view = Task::current().view();
        tty::Terminal* found = tty::console();
        if (!view.is_root() && !vfs::is_anonymous(path)) {
            if (auto own = tty::console_of_session()) return own;
            found = tty::terminal_of(view.console);
        }
        if (!found) return err::nxio;
        return Ref<tty::Terminal>::share(found);
    }
};

class PtyDevices final : public CharacterDevice {
public:
    Result<Ref<File>> open(u64 device, const vfs::Path& path, u32 flags) override {
        return tty::open_slave(path, minor(device), flags);
    }
    std::string_view name() const override { return "pts"; }
};

constinit TerminalDevices the_terminal_devices;
constinit PtyDevices the_pty_devices;
} // namespace

CharacterDevice& terminal_devices() { return the_terminal_devices; }
CharacterDevice& pty_devices() { return the_pty_devices; }
} // namespace device
