// Inside of a terminal; only kernel/device/tty looks here.
#pragma once
#include "kernel/device/tty/line_discipline.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/process/process.h"
#include <asm/termios.h>

namespace tty {
struct Terminal::Impl final : LineHost {
    Impl(TerminalOutput& to, std::string_view n, u64 d) : output_to{to}, name{n}, device{d}, line{*this} {}

    TerminalOutput& output_to;
    Box<OwnedOutput> owned; // the same, or null
    FixedString<24> name;
    u64 device;
    WaitQueue changed;

    Mutex<Rank::tty> lock;
    LineDiscipline line;
    ktermios fixed{}; // TIOCSLCKTRMIOS: the settings whose bits are set here do not change
    winsize size{};
    bool gone = false, exclusive = false;
    u64 last_input_ns = 0;
    unsigned open_files = 0;
    std::atomic<u32> hangups = 0; // open files remember how many there were

    // Under the tree lock.
    Ref<Session> session;
    Ref<ProcessGroup> foreground;

    // Of a pty: input for which the line has no room yet, from waiting_at on. With the lock held.
    static constexpr usize most_waiting = 8 * KiB; // as Linux has it
    Vector<char> waiting;
    usize waiting_at = 0;
    usize take_input(std::span<const char>);
    bool takes_input() const;
    void feed(); // what waits goes where there is room now
    void flush_input();

    // LineHost, with the lock held.
    usize output(std::span<const char> bytes) override { return output_to.write(bytes); }
    usize room() override { return output_to.room(); }
    void send_signal(int number) override;
    void flow(bool stopped) override;
    void discard_output() override;

    /// One attempt; `least`: raw mode's VMIN.
    Result<usize> read_now(Sink&);
    Result<usize> read_timed(Sink&, bool nonblocking);
    unsigned minimum() const { return line.settings().c_cc[VMIN]; }
    u64 patience_ns() const { return u64{line.settings().c_cc[VTIME]} * 100'000'000; }
    Result<> drain();
};

/// Job control for the current task: err::restartsys after a SIGTTIN or SIGTTOU to its group, err::io: orphaned.
Result<> check_foreground(Terminal::Impl&, int signal);
/// SIGHUP and SIGCONT to the session's leader; the session loses the terminal.
void end_session(Terminal::Impl&, bool signal_leader);
/// TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCSCTTY, TIOCNOTTY.
Result<Pid> foreground_number(Terminal&, Task& by, bool from_master);
Result<> set_foreground(Terminal&, Task& by, Pid group);
Result<Pid> session_number(Terminal&, Task& by, bool from_master);
Result<> make_controlling(Terminal&, Task& by, bool steal);
Result<> give_up_controlling(Terminal&, Task& by);
/// CAP_SYS_ADMIN, over a terminal that controls no session of another view. err::perm.
Result<> check_administers(Terminal::Impl&, Task& by);
void signal_foreground(Terminal::Impl&, int number);
} // namespace tty
