#include "user/ctr/terminal.h"
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

using host::Call;
using host::Error;

bool Terminal::open_pty() {
    constexpr std::string_view ptmx = "/dev/ptmx";
    constexpr u64 flags = O_RDWR | O_NOCTTY;
    if (host::call(Call::open, ptmx.data(), ptmx.size(), flags, u64{0}, &master_) != Error::none) return false;
    int unlocked = 0;
    unsigned number = 0;
    host::call(Call::control, master_, u64{TIOCSPTLCK}, &unlocked);
    host::call(Call::control, master_, u64{TIOCGPTN}, &number);
    char path[32];
    BufferWriter out{path};
    print(out, "/dev/pts/{}", number);
    u64 slave = 0;
    if (host::call(Call::open, path, out.text().size(), flags, u64{0}, &slave) != Error::none) {
        host::call(Call::close, master_);
        master_ = host_abi::no_handle;
        return false;
    }
    for (u64& handle : stdio_) handle = slave;
    return true;
}

Terminal::Terminal() {
    if (!host::is_terminal(host::in) || !open_pty()) return;
    winsize size{};
    if (host::call(Call::control, host::in, u64{TIOCGWINSZ}, &size) == Error::none)
        host::call(Call::control, master_, u64{TIOCSWINSZ}, &size);
    host::call(Call::control, host::in, u64{TCGETS}, &before_);
    termios raw = before_;
    raw.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    host::call(Call::control, host::in, u64{TCSETS}, &raw);
}

Terminal::~Terminal() {
    if (is_used()) host::call(Call::control, host::in, u64{TCSETSW}, &before_);
}

/// One read's worth. False: this end is finished.
static bool copy(u64 from, u64 to) {
    char bytes[4096];
    u64 moved = 0;
    Error e = host::call(Call::read, from, bytes, sizeof bytes, &moved);
    if (e == Error::interrupted || e == Error::would_block) return true;
    if (e != Error::none || moved == 0) return false;
    host::write(to, {bytes, moved});
    return true;
}

void Terminal::relay() {
    if (!is_used()) return;
    host::call(Call::close, stdio_[0]);
    host_abi::PollEntry entries[] = {{master_, POLLIN, 0}, {host::in, POLLIN, 0}};
    while (true) {
        u64 ready = 0;
        Error e = host::call(Call::poll, entries, u64{2}, ~u64{0}, &ready);
        if (e == Error::interrupted) continue;
        if (e != Error::none) return;
        if (entries[0].ready && !copy(master_, host::out)) return;
        if (entries[1].ready && !copy(host::in, master_)) entries[1].handle = host_abi::no_handle;
    }
}
