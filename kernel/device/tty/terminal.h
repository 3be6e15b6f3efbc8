// A terminal: line discipline, window size, job control. The console and the slave side of a pty are terminals; what
// lies behind (a UART, a pty's master) is a TerminalOutput.
#pragma once
#include "core/wait/wait.h"
#include "kernel/file/file.h"
#include "kernel/views/view.h"
#include <asm/ioctls.h>
#include <asm/termbits.h>

class Task;
class ProcessGroup;
class Session;
namespace vfs {
struct Path;
}

namespace tty {
/// Takes the bytes that a terminal sends. Room is finite: write() takes what fits now and Terminal::output_ready() is
/// called when there is more, after write() or room() have shown that it was short. Called with the terminal's lock
/// held.
class TerminalOutput {
public:
    virtual usize write(std::span<const char>) = 0;
    virtual usize room() = 0;
    /// Bytes that have not left yet: tcdrain waits for 0.
    virtual usize pending() { return 0; }
    /// Forget those.
    virtual void discard() {}
    /// TIOCPKT_* bits for a pty's master in packet mode.
    virtual void report(u8 /*packet_status*/) {}

    // Called without locks.
    /// Input has been consumed: more may come (flow control).
    virtual void input_taken() {}
    /// The number of open files has left or reached zero.
    virtual void opened() {}
    virtual void closed() {}

protected:
    ~TerminalOutput() = default;
};

/// An output that belongs to its terminal and goes with it.
class OwnedOutput : public TerminalOutput {
public:
    virtual ~OwnedOutput() = default;
};

class Terminal final : public TerminalBase {
public:
    /// `name` as in /proc and ttyname: "console", "pts/3". The output outlives the terminal.
    static Result<Ref<Terminal>> create(TerminalOutput&, std::string_view name, u64 device);
    static Result<Ref<Terminal>> create(Box<OwnedOutput>, std::string_view name, u64 device);
    ~Terminal() override;

    /// Bytes arrive from behind; from any thread context, not from interrupts. Returns how many were taken: the rest
    /// finds no room.
    usize input(std::span<const char>);
    bool takes_input();
    void output_ready(); // thread context
    /// The other side is gone for good (pty master closed): SIGHUP to the session, reads end, writes fail with err::io.
    void hang_up();
    /// The files that are open now see a hang-up; new ones do not (vhangup(2)). SIGHUP to the session.
    void hang_up_files();

    // For the open files of this terminal (kernel/device/tty/terminal_file.cpp) and pty masters.
    Result<usize> read(Sink&, bool nonblocking);
    Result<usize> write(Source&);
    u32 poll();
    WaitQueue& changed();
    /// `from_master`: a pty's master asks; job control does not apply.
    Result<i64> ioctl(unsigned request, uptr argument, Task& by, bool from_master = false);

    u64 device() const;
    std::string_view name() const;

    // Controlling terminal (kernel/device/tty/job_control.cpp). All take the tree lock.
    void enter_session(Session&, Ref<ProcessGroup> foreground) override;
    void leave_session(Session&) override;
    bool controls_session() const;
    /// The number of its foreground group; 0: it has none that the view sees.
    Pid foreground_in(const PidNamespace&, const process::TreeLock&) const;
    /// open(2)'s rule: a session leader without a controlling terminal gets this one if it is free.
    void offer_to(Task&);

    struct Impl; // kernel/device/tty/terminal_impl.h
    Impl& impl() { return *impl_; }

private:
    Box<Impl> impl_;
};

/// The console's terminal: /dev/console, and what init has as standard input and output. Null before drivers run.
Terminal* console();
void set_console(Ref<Terminal>);
/// Opens a terminal: makes it the controlling terminal as the rules of open(2) say (session leader without one, no
/// O_NOCTTY). `place`: the node that was opened; null: the file has an inode of its own. err::io: hung up; err::busy.
Result<Ref<File>> open(Ref<Terminal>, u32 flags, const vfs::Path* place = nullptr);
/// The terminal behind an open file; null: it is none.
Ref<Terminal> terminal_of(File&);
/// What a session or a view has.
inline Terminal* terminal_of(const Ref<TerminalBase>& of) { return static_cast<Terminal*>(of.get()); }
/// The current task's controlling terminal: /dev/tty. err::nxio: none.
Result<Ref<Terminal>> controlling_terminal();
/// What /dev/console is for the current task's session; null: what it is for its view.
Ref<Terminal> console_of_session();
} // namespace tty
