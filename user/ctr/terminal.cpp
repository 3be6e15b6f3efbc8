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

/// A call that is made again when a signal came meanwhile: we were stopped, and are in the foreground now.
static Error control(u64 handle, u64 request, void* argument) {
    Error e;
    do e = host::call(Call::control, handle, request, argument);
    while (e == Error::interrupted);
    return e;
}

void Terminal::set_raw() {
    termios raw = before_;
    raw.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    control(host::in, TCSETS, &raw);
}

Terminal::Terminal() {
    // Draining waits for the foreground. Asked before that, a shell that edits lines would show us its own settings.
    control(host::in, TCSBRK, reinterpret_cast<void*>(1));
    if (control(host::in, TCGETS, &before_) != Error::none || !open_pty()) return;
    control(master_, TCSETS, &before_); // as the terminal that the container's stands for
    winsize size{};
    if (control(host::in, TIOCGWINSZ, &size) == Error::none) control(master_, TIOCSWINSZ, &size);
    raw_ = true;
    set_raw();
}

Terminal::~Terminal() {
    if (raw_) control(host::in, TCSETSW, &before_);
}

bool Terminal::force() {
    termios plain;
    if (is_used() || !open_pty()) return false;
    if (control(master_, TCGETS, &plain) != Error::none) return true;
    plain.c_oflag &= ~static_cast<tcflag_t>(OPOST); // our output adds the carriage returns, if it is a terminal
    control(master_, TCSETS, &plain);
    return true;
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

/// At the end of a standard input that is no terminal. Whoever reads the pty finds an end each time, within reason.
void Terminal::type_end() {
    constexpr unsigned most = 64; // more than the pty's queue is never left in it
    if (ends_typed_++ < most) host::write(master_, "\x04");
}

bool Terminal::relay_once(host_abi::PollEntry (&entries)[2]) {
    constexpr i64 silence_ns = 300'000'000; // a shell that starts may throw away what was typed before its prompt
    bool ended = entries[1].handle == host_abi::no_handle;
    u64 ready = 0;
    Error e = host::call(Call::poll, entries, u64{2}, ended && !raw_ ? u64{silence_ns} : ~u64{0}, &ready);
    if (e == Error::interrupted) {
        if (raw_) set_raw(); // we may have been stopped, and somebody else has had the terminal
        return true;
    }
    if (e != Error::none) return false;
    if (ready == 0) return type_end(), true;
    if (entries[0].ready && !copy(master_, host::out)) return false;
    if (entries[1].ready && !copy(host::in, master_)) entries[1].handle = host_abi::no_handle;
    return true;
}

void Terminal::relay() {
    if (!is_used()) return;
    host::call(Call::close, stdio_[0]);
    host_abi::PollEntry entries[] = {{master_, POLLIN, 0}, {host::in, POLLIN, 0}};
    while (relay_once(entries)) {}
}
