// A terminal: line discipline, window size, job control. The console and the slave side of a pty are terminals; what
// lies behind (a UART, a pty's master) is a TerminalOutput.
#pragma once
#include "core/sync/wait.h"
#include "kernel/file/file.h"
#include <asm/termbits.h>
#include <asm/ioctls.h>

class Task;
struct ProcessGroup;
struct Session;

namespace tty {
/// Takes the bytes that a terminal sends. Room is finite: write() takes what fits now and Terminal::output_ready() is
/// called when there is more.
class TerminalOutput {
public:
    virtual usize write(std::span<const char>) = 0;
    virtual usize room() = 0;
    /// Bytes that have not left yet: tcdrain waits for 0.
    virtual usize pending() { return 0; }
    /// Input has been consumed: more may come (flow control).
    virtual void input_taken() {}
    virtual void window_changed() {}

protected:
    ~TerminalOutput() = default;
};

class Terminal : public RefCounted<Terminal> {
public:
    /// `name` as in /proc and ttyname: "console", "pts/3". The output outlives the terminal.
    static Result<Ref<Terminal>> create(TerminalOutput&, std::string_view name, u64 device);
    ~Terminal();

    /// Bytes arrive from behind; from any thread context, not from interrupts. Returns how many were taken: the rest
    /// finds no room.
    usize input(std::span<const char>);
    void output_ready();
    /// The other side is gone (pty master closed): SIGHUP to the session, reads end, writes fail with err::io.
    void hang_up();

    // For the open files of this terminal (kernel/device/tty/terminal_file.cpp) and pty masters.
    Result<usize> read(Sink&);
    Result<usize> write(Source&);
    u32 poll();
    WaitQueue& changed();
    Result<i64> ioctl(unsigned request, uptr argument, Task& by);

    u64 device() const;
    std::string_view name() const;
    /// The session that has this as its controlling terminal loses it (its leader exits: SIGHUP to the foreground group).
    void leave_session(Session&);

private:
    struct Impl;
    Box<Impl> impl_;
};

/// The console's terminal: /dev/console, and what init has as standard input and output. Null before drivers run.
Terminal* console();
void set_console(Ref<Terminal>);
/// Opens a terminal: makes it the controlling terminal as the rules of open(2) say (session leader without one, no
/// O_NOCTTY).
Result<Ref<File>> open(Ref<Terminal>, u32 flags);
/// The terminal behind an open file; null: it is none.
Ref<Terminal> terminal_of(File&);
} // namespace tty
