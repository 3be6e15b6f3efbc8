// What stands between a terminal's wire and its readers and writers: editing of lines, echo, special characters, output
// conversions; termios(3) with Linux's extensions. It knows no locks, tasks or devices: the terminal lends it those.
#pragma once
#include "kernel/file/cursor.h"
#include <array>
#include <asm/termbits.h>

namespace tty {
/// What a line discipline asks of its terminal. Called from within the discipline's own functions.
class LineHost {
public:
    /// Sends bytes; takes what there is room for and answers how many.
    virtual usize output(std::span<const char>) = 0;
    virtual usize room() = 0;
    /// SIGINT, SIGQUIT, SIGTSTP for the foreground.
    virtual void send_signal(int number) = 0;
    /// A character of flow control has stopped or started the output.
    virtual void flow(bool stopped) = 0;
    /// What has been written and has not left is to be forgotten.
    virtual void discard_output() = 0;

protected:
    ~LineHost() = default;
};

class LineDiscipline {
public:
    static constexpr usize capacity = 4096;
    static constexpr usize longest_conversion = 8; // bytes on the wire for one written: a tab

    explicit LineDiscipline(LineHost& host);
    const ktermios& settings() const { return settings_; }
    void set(const ktermios&);
    static ktermios defaults();

    /// Bytes come from the wire; answers how many were taken. Without a complete line all are (and may be dropped).
    usize input(std::span<const char>);
    bool takes_input() const;
    /// Whether a read can be answered: a line, an end of file, or `least` bytes in raw mode.
    bool readable(usize least = 1) const;
    usize available() const; // FIONREAD
    /// Moves what is there; in canonical mode at most a line. 0: an end of file, or nothing was there.
    Result<usize> read(Sink&);
    /// Sends with output conversions; answers how many of the bytes were used up.
    usize write(std::span<const char>);

    /// Sends what could not be echoed before. True: nothing is left.
    bool flush_echo();
    void flush_input();
    bool stopped() const { return stopped_; }
    void set_stopped(bool stopped) { stopped_ = stopped; }
    bool canonical() const { return local(ICANON); }

private:
    bool in(tcflag_t f) const { return settings_.c_iflag & f; }
    bool out(tcflag_t f) const { return settings_.c_oflag & f; }
    bool local(tcflag_t f) const { return settings_.c_lflag & f; }
    bool is(u8 c, unsigned special) const { return c == settings_.c_cc[special] && c != 0; }

    void receive(u8 c);
    bool receive_signal(u8 c);
    bool receive_flow(u8 c);
    bool receive_editing(u8 c);
    void receive_ordinary(u8 c);
    void end_line(u8 c);
    void store(u8 c);
    enum class Erase { character, word, line };
    void erase(Erase);
    void erase_echo(u8 c, u32 from, Erase);
    u32 step_back(u32 from) const;
    unsigned column_at(u32 end) const;
    void finish_erasing();
    void reprint();

    void echo(u8 c);         // control characters as ^X
    void echo_plain(u8 c);   // through the output conversions only
    void echo_queue(char c); // as it is
    usize convert(u8 c, char* to);

    u8 at(u32 i) const { return buffer_[i % capacity]; }
    bool ends_line(u32 i) const { return ends_[i % capacity / 64] >> i % 64 & 1; }
    void mark(u32 i, bool end);
    Result<usize> read_raw(Sink&, u32 end);
    Result<usize> read_line(Sink&);

    LineHost& host_;
    ktermios settings_;
    std::array<u8, capacity> buffer_;
    std::array<u64, capacity / 64> ends_{}; // which characters end a line; a null byte that does is an end of file
    // Counters that only grow: unread from tail_, complete lines up to line_, the line being edited up to head_.
    u32 head_ = 0, line_ = 0, tail_ = 0;
    unsigned column_ = 0, line_column_ = 0; // of the cursor; where the line being edited starts
    bool literal_next_ = false, erasing_ = false, stopped_ = false;
    std::array<char, 512> echo_;
    usize echo_first_ = 0, echo_used_ = 0;
};
} // namespace tty
