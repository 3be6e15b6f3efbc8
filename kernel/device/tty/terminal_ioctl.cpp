#include "core/mm/user.h"
#include "kernel/device/tty/terminal_impl.h"
#include "kernel/process/task.h"
#include <linux/capability.h>
#include <linux/tty.h>

namespace tty {
namespace {
constexpr u32 speeds[] = {0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
constexpr u32 high_speeds[] = {57600,   115200,  230400,  460800,  500000,  576000,  921600, 1000000,
                               1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000};

u32 speed_of(tcflag_t control, u32 other) {
    unsigned code = control & CBAUD;
    if (code == BOTHER) return other;
    if (code & CBAUDEX)
        return (code & ~CBAUDEX) < 1 ? 0 : high_speeds[((code & ~CBAUDEX) - 1) % std::size(high_speeds)];
    return speeds[code];
}

/// struct termio, the oldest form: the lower half of every flag word and eight characters.
struct OldSettings {
    u16 input, output, control, local;
    u8 line;
    u8 characters[8];
    u8 rest = 0;
};

ktermios merge(ktermios to, const termios& from) {
    to.c_iflag = from.c_iflag;
    to.c_oflag = from.c_oflag;
    to.c_cflag = from.c_cflag;
    to.c_lflag = from.c_lflag;
    to.c_line = from.c_line;
    std::memcpy(to.c_cc, from.c_cc, sizeof to.c_cc);
    to.c_ospeed = to.c_ispeed = speed_of(to.c_cflag, to.c_ospeed);
    return to;
}
ktermios merge(ktermios, const termios2& from) {
    ktermios to{};
    std::memcpy(&to, &from, sizeof from);
    to.c_ospeed = speed_of(to.c_cflag, from.c_ospeed);
    to.c_ispeed = speed_of(to.c_cflag, from.c_ispeed);
    return to;
}
ktermios merge(ktermios to, const OldSettings& from) {
    to.c_iflag = (to.c_iflag & 0xffff'0000) | from.input;
    to.c_oflag = (to.c_oflag & 0xffff'0000) | from.output;
    to.c_cflag = (to.c_cflag & 0xffff'0000) | from.control;
    to.c_lflag = (to.c_lflag & 0xffff'0000) | from.local;
    to.c_line = from.line;
    std::memcpy(to.c_cc, from.characters, sizeof from.characters);
    return to;
}
static_assert(sizeof(termios2) == sizeof(ktermios));

/// `to`, but for what is fixed.
ktermios keep_fixed(const ktermios& now, ktermios to, const ktermios& fixed) {
    auto mix = [](tcflag_t& flags, tcflag_t old, tcflag_t keep) { flags = (flags & ~keep) | (old & keep); };
    mix(to.c_iflag, now.c_iflag, fixed.c_iflag);
    mix(to.c_oflag, now.c_oflag, fixed.c_oflag);
    mix(to.c_cflag, now.c_cflag, fixed.c_cflag);
    mix(to.c_lflag, now.c_lflag, fixed.c_lflag);
    if (fixed.c_line) to.c_line = now.c_line;
    for (unsigned i = 0; i < std::size(to.c_cc); i++)
        if (fixed.c_cc[i]) to.c_cc[i] = now.c_cc[i];
    return to;
}

enum class When { now, drained, drained_and_flushed };

/// Master and slave share one set of settings, so a master's request lands here as well.
template <class Form>
Result<i64> set(Terminal::Impl& t, uptr argument, When when, bool from_master) {
    if (!from_master) TRY(check_foreground(t, SIGTTOU));
    auto from = TRY(copy_in(UserPtr<const Form>{argument}));
    if (when != When::now) TRY(t.drain());
    bool flow_before, flow_now;
    {
        Holding held{t.lock};
        if (when == When::drained_and_flushed) t.flush_input();
        auto uses_flow = [&] {
            const ktermios& s = t.line.settings();
            return (s.c_iflag & IXON) && s.c_cc[VSTART] == 17 && s.c_cc[VSTOP] == 19;
        };
        flow_before = uses_flow();
        t.line.set(keep_fixed(t.line.settings(), merge(t.line.settings(), from), t.fixed));
        t.feed();
        flow_now = uses_flow();
        if (flow_before != flow_now) t.output_to.report(flow_now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
    }
    t.changed.notify_all(); // another mode may make what is there readable
    return 0;
}

Result<i64> get(Terminal::Impl& t, unsigned request, uptr argument) {
    ktermios now;
    {
        Holding held{t.lock};
        now = t.line.settings();
    }
    if (request == TCGETS2) {
        termios2 out;
        std::memcpy(&out, &now, sizeof out);
        TRY(copy_out(UserPtr<termios2>{argument}, out));
        return 0;
    }
    if (request == TCGETA) {
        OldSettings out{static_cast<u16>(now.c_iflag),
                        static_cast<u16>(now.c_oflag),
                        static_cast<u16>(now.c_cflag),
                        static_cast<u16>(now.c_lflag),
                        now.c_line,
                        {}};
        std::memcpy(out.characters, now.c_cc, sizeof out.characters);
        TRY(copy_out(UserPtr<OldSettings>{argument}, out));
        return 0;
    }
    termios out;
    std::memcpy(&out, &now, sizeof out);
    TRY(copy_out(UserPtr<termios>{argument}, out));
    return 0;
}

Result<i64> get_fixed(Terminal::Impl& t, uptr argument) {
    termios out;
    {
        Holding held{t.lock};
        std::memcpy(&out, &t.fixed, sizeof out);
    }
    TRY(copy_out(UserPtr<termios>{argument}, out));
    return 0;
}

Result<i64> set_fixed(Terminal::Impl& t, uptr argument, Task& by) {
    TRY(check_administers(t, by));
    auto from = TRY(copy_in(UserPtr<const termios>{argument}));
    Holding held{t.lock};
    std::memcpy(&t.fixed, &from, sizeof from);
    return 0;
}

Result<i64> set_size(Terminal::Impl& t, uptr argument) {
    auto size = TRY(copy_in(UserPtr<const winsize>{argument}));
    {
        Holding held{t.lock};
        if (std::memcmp(&t.size, &size, sizeof size) == 0) return 0;
        t.size = size;
    }
    signal_foreground(t, SIGWINCH);
    return 0;
}

Result<i64> flush(Terminal::Impl& t, uptr which, bool from_master) {
    if (!from_master) TRY(check_foreground(t, SIGTTOU));
    if (which > TCIOFLUSH) return err::inval;
    // A master's input is what the slave has written, and nobody needs to tell it of what it does itself.
    bool input = which != (from_master ? TCIFLUSH : TCOFLUSH), output = which != (from_master ? TCOFLUSH : TCIFLUSH);
    {
        Holding held{t.lock};
        if (input) t.flush_input();
        if (output) t.output_to.discard();
        u8 report = (input ? TIOCPKT_FLUSHREAD : 0) | (output ? TIOCPKT_FLUSHWRITE : 0);
        if (!from_master) t.output_to.report(report);
    }
    if (input) t.output_to.input_taken();
    t.changed.notify_all();
    return 0;
}

Result<i64> control_flow(Terminal::Impl& t, uptr action, bool from_master) {
    if (!from_master) TRY(check_foreground(t, SIGTTOU));
    if (action > TCION) return err::inval;
    Holding held{t.lock};
    if (action == TCOOFF || action == TCOON) {
        bool stop = action == TCOOFF;
        if (t.line.stopped() != stop) {
            t.line.set_stopped(stop);
            t.flow(stop);
        }
        return 0;
    }
    char c = static_cast<char>(t.line.settings().c_cc[action == TCIOFF ? VSTOP : VSTART]);
    if (c) t.output_to.write({&c, 1});
    return 0;
}

Result<i64> drain(Terminal::Impl& t, bool from_master) {
    if (!from_master) TRY(check_foreground(t, SIGTTOU));
    TRY(t.drain());
    return 0; // there is no line that could carry a break
}

Result<i64> give(uptr argument, int value) {
    TRY(copy_out(UserPtr<int>{argument}, value));
    return 0;
}

Result<i64> set_exclusive(Terminal::Impl& t, bool on) {
    Holding held{t.lock};
    t.exclusive = on;
    return 0;
}

Result<i64> job_control(Terminal& t, unsigned request, uptr argument, Task& by, bool from_master) {
    switch (request) {
    case TIOCGPGRP: return give(argument, TRY(foreground_number(t, by, from_master)));
    case TIOCGSID: return give(argument, TRY(session_number(t, by, from_master)));
    case TIOCSPGRP: TRY(set_foreground(t, by, TRY(copy_in(UserPtr<const int>{argument})))); return 0;
    case TIOCSCTTY: TRY(make_controlling(t, by, argument == 1)); return 0;
    case TIOCNOTTY: TRY(give_up_controlling(t, by)); return 0;
    default: return err::notty;
    }
}
} // namespace

Result<i64> Terminal::ioctl(unsigned request, uptr argument, Task& by, bool from_master) {
    Impl& t = *impl_;
    switch (request) {
    case TCGETS:
    case TCGETS2:
    case TCGETA: return get(t, request, argument);
    case TCSETS: return set<termios>(t, argument, When::now, from_master);
    case TCSETSW: return set<termios>(t, argument, When::drained, from_master);
    case TCSETSF: return set<termios>(t, argument, When::drained_and_flushed, from_master);
    case TCSETS2: return set<termios2>(t, argument, When::now, from_master);
    case TCSETSW2: return set<termios2>(t, argument, When::drained, from_master);
    case TCSETSF2: return set<termios2>(t, argument, When::drained_and_flushed, from_master);
    case TCSETA: return set<OldSettings>(t, argument, When::now, from_master);
    case TCSETAW: return set<OldSettings>(t, argument, When::drained, from_master);
    case TCSETAF: return set<OldSettings>(t, argument, When::drained_and_flushed, from_master);
    case TIOCGLCKTRMIOS: return get_fixed(t, argument);
    case TIOCSLCKTRMIOS: return set_fixed(t, argument, by);
    case TCSBRK:
    case TCSBRKP: return drain(t, from_master);
    case TCXONC: return control_flow(t, argument, from_master);
    case TCFLSH: return flush(t, argument, from_master);
    case TIOCSWINSZ: return set_size(t, argument);
    case TIOCGWINSZ: {
        winsize size;
        {
            Holding held{t.lock};
            size = t.size;
        }
        TRY(copy_out(UserPtr<winsize>{argument}, size));
        return 0;
    }
    case FIONREAD: {
        usize n;
        {
            Holding held{t.lock};
            n = t.line.available();
        }
        return give(argument, static_cast<int>(n));
    }
    case TIOCOUTQ: {
        usize n;
        {
            Holding held{t.lock};
            n = t.output_to.pending();
        }
        return give(argument, static_cast<int>(n));
    }
    case TIOCGETD: return give(argument, N_TTY);
    case TIOCSETD:
        if (TRY(copy_in(UserPtr<const int>{argument})) != N_TTY) return err::inval;
        return 0;
    case TIOCEXCL: return set_exclusive(t, true);
    case TIOCNXCL: return set_exclusive(t, false);
    case TIOCGEXCL: return give(argument, t.exclusive);
    case TIOCGDEV: return give(argument, static_cast<int>(t.device));
    case TIOCSTI:
        return err::io; // faking input is how programs escape their terminals: Linux refuses it by default too
    case TIOCVHANGUP:
        TRY(check_administers(t, by));
        hang_up_files();
        return 0;
    default: return job_control(*this, request, argument, by, from_master);
    }
}
} // namespace tty
