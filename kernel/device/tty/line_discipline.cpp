#include "kernel/device/tty/line_discipline.h"
#include <asm/signal.h>
#include <cstring>

namespace tty {
namespace {
constexpr u8 end_of_file = 0;
constexpr bool is_control(u8 c) { return c < 32 || c == 127; }
constexpr bool is_continuation(u8 c) { return (c & 0xc0) == 0x80; }
constexpr bool is_letter(u8 c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
constexpr bool is_word(u8 c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c >= 0x80; }
} // namespace

LineDiscipline::LineDiscipline(LineHost& host) : host_{host}, settings_{defaults()} {}

ktermios LineDiscipline::defaults() {
    ktermios t{};
    t.c_iflag = ICRNL | IXON | IUTF8;
    t.c_oflag = OPOST | ONLCR;
    t.c_cflag = B38400 | CS8 | CREAD | HUPCL;
    t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    constexpr u8 characters[] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};
    std::memcpy(t.c_cc, characters, sizeof characters);
    t.c_ispeed = t.c_ospeed = 38400;
    return t;
}

void LineDiscipline::mark(u32 i, bool end) {
    u64 bit = u64{1} << i % 64;
    u64& word = ends_[i % capacity / 64];
    word = end ? word | bit : word & ~bit;
}

void LineDiscipline::set(const ktermios& to) {
    bool was_canonical = canonical();
    settings_ = to;
    if (!in(IXON) && stopped_) {
        stopped_ = false;
        host_.flow(false);
    }
    if (was_canonical == canonical()) return;
    literal_next_ = erasing_ = false;
    ends_.fill(0);
    line_ = tail_;
    // What was typed before counts as a line that has no end of its own.
    if (canonical() && head_ != tail_) {
        mark(head_ - 1, true);
        line_ = head_;
    }
}

// ---- input

bool LineDiscipline::takes_input() const {
    if (canonical() && line_ == tail_) return true; // nobody could make room: what does not fit is dropped
    return head_ - tail_ < capacity - 1;
}

usize LineDiscipline::input(std::span<const char> bytes) {
    usize n = 0;
    while (n < bytes.size() && takes_input()) receive(static_cast<u8>(bytes[n++]));
    flush_echo();
    return n;
}

void LineDiscipline::receive(u8 c) {
    if (in(ISTRIP)) c &= 0x7f;
    if (in(IUCLC) && local(IEXTEN) && c >= 'A' && c <= 'Z') c |= 32;
    if (literal_next_) {
        literal_next_ = false;
        return receive_ordinary(c);
    }
    if (in(IXON) && receive_flow(c)) return;
    if (local(ISIG) && receive_signal(c)) return;
    if (c == '\r') {
        if (in(IGNCR)) return;
        if (in(ICRNL)) c = '\n';
    } else if (c == '\n' && in(INLCR))
        c = '\r';
    if (canonical() && receive_editing(c)) return;
    if (local(ECHO) && c == '\n' && !canonical()) {
        echo_plain(c);
        return store(c);
    }
    receive_ordinary(c);
}

bool LineDiscipline::receive_flow(u8 c) {
    bool start = is(c, VSTART), stop = is(c, VSTOP);
    if (start && stop) (stopped_ ? stop : start) = false; // one character for both: it toggles
    if (!start && !stop) {
        // IXANY: any character starts the output again, and is taken as usual.
        if (stopped_ && in(IXANY)) {
            stopped_ = false;
            host_.flow(false);
        }
        return false;
    }
    if (stopped_ != stop) {
        stopped_ = stop;
        host_.flow(stop);
    }
    return true;
}

bool LineDiscipline::receive_signal(u8 c) {
    int number = is(c, VINTR) ? SIGINT : is(c, VQUIT) ? SIGQUIT : is(c, VSUSP) ? SIGTSTP : 0;
    if (!number) return false;
    if (stopped_) {
        stopped_ = false;
        host_.flow(false);
    }
    if (!local(NOFLSH)) {
        flush_input();
        echo_used_ = 0;
        host_.discard_output();
    }
    if (local(ECHO)) echo(c);
    host_.send_signal(number);
    return true;
}

/// The characters that edit a line or end it.
bool LineDiscipline::receive_editing(u8 c) {
    bool extended = local(IEXTEN);
    if (is(c, VERASE)) return erase(Erase::character), true;
    if (is(c, VKILL)) return erase(Erase::line), true;
    if (is(c, VWERASE) && extended) return erase(Erase::word), true;
    if (is(c, VLNEXT) && extended) {
        literal_next_ = true;
        if (local(ECHO)) {
            finish_erasing();
            if (local(ECHOCTL)) echo_queue('^'), echo_queue('\b');
        }
        return true;
    }
    if (is(c, VREPRINT) && extended && local(ECHO)) return reprint(), true;
    if (c == '\n') {
        if (local(ECHO) || local(ECHONL)) {
            finish_erasing();
            echo_plain('\n');
        }
        return end_line(c), true;
    }
    if (is(c, VEOF)) return end_line(end_of_file), true;
    if (is(c, VEOL) || (is(c, VEOL2) && extended)) {
        if (local(ECHO)) {
            finish_erasing();
            echo(c);
        }
        return end_line(c), true;
    }
    return false;
}

void LineDiscipline::receive_ordinary(u8 c) {
    // One place stays free for what ends the line.
    if (canonical() && head_ - tail_ >= capacity - 1) {
        if (in(IMAXBEL) && local(ECHO)) echo_queue('\a');
        return;
    }
    if (local(ECHO)) {
        finish_erasing();
        if (head_ == line_) line_column_ = column_;
        echo(c);
    }
    if (c == 0xff && in(PARMRK)) store(c);
    store(c);
}

void LineDiscipline::store(u8 c) {
    if (head_ - tail_ == capacity) return;
    mark(head_, false);
    buffer_[head_++ % capacity] = c;
}

void LineDiscipline::end_line(u8 c) {
    store(c);
    mark(head_ - 1, true);
    line_ = head_;
}

void LineDiscipline::flush_input() {
    head_ = line_ = tail_ = 0;
    ends_.fill(0);
    literal_next_ = erasing_ = false;
}

// ---- editing

/// Where the character before `from` starts.
u32 LineDiscipline::step_back(u32 from) const {
    u32 to = from - 1;
    if (in(IUTF8))
        while (to != line_ && is_continuation(at(to))) to--;
    return to;
}

/// The column after the line's characters up to `end` have been echoed.
unsigned LineDiscipline::column_at(u32 end) const {
    unsigned column = line_column_;
    for (u32 i = line_; i != end; i++) {
        u8 c = at(i);
        if (c == '\t')
            column = (column | 7) + 1;
        else if (is_control(c))
            column += local(ECHOCTL) ? 2 : 0;
        else if (!in(IUTF8) || !is_continuation(c))
            column++;
    }
    return column;
}

void LineDiscipline::erase(Erase what) {
    if (head_ == line_) return;
    if (what == Erase::line) {
        bool visibly = local(ECHOK) && local(ECHOKE) && local(ECHOE);
        if (!local(ECHO) || !visibly) {
            head_ = line_;
            if (!local(ECHO)) return;
            finish_erasing();
            echo(settings_.c_cc[VKILL]);
            if (local(ECHOK)) echo_plain('\n');
            return;
        }
    }
    bool in_word = false;
    while (head_ != line_) {
        u32 to = step_back(head_);
        u8 c = at(to);
        if (what == Erase::word) {
            if (is_word(c))
                in_word = true;
            else if (in_word)
                break;
        }
        u32 from = head_;
        head_ = to;
        if (local(ECHO)) erase_echo(c, from, what);
        if (what == Erase::character) break;
    }
    if (head_ == line_ && local(ECHO)) finish_erasing();
}

/// Takes the character at head_, which reached up to `from`, off the screen.
void LineDiscipline::erase_echo(u8 c, u32 from, Erase what) {
    if (local(ECHOPRT)) {
        if (!erasing_) echo_queue('\\');
        erasing_ = true;
        for (u32 i = head_; i != from; i++) echo(at(i));
        return;
    }
    if (what == Erase::character && !local(ECHOE)) return echo(settings_.c_cc[VERASE]);
    unsigned width = column_at(from) - column_at(head_);
    for (unsigned i = 0; i < width; i++) {
        echo_queue('\b');
        if (c != '\t') echo_queue(' '), echo_queue('\b');
        if (column_) column_--;
    }
}

void LineDiscipline::finish_erasing() {
    if (!erasing_) return;
    erasing_ = false;
    echo_queue('/');
    column_++;
}

void LineDiscipline::reprint() {
    finish_erasing();
    echo(settings_.c_cc[VREPRINT]);
    echo_plain('\n');
    line_column_ = column_;
    for (u32 i = line_; i != head_; i++) echo(at(i));
}

// ---- output

/// What a byte becomes on the wire; counts the column.
usize LineDiscipline::convert(u8 c, char* to) {
    usize n = 0;
    auto add = [&](u8 b) { to[n++] = static_cast<char>(b); };
    if (!out(OPOST)) {
        add(c);
        return n;
    }
    switch (c) {
    case '\n':
        if (out(ONLRET)) column_ = 0;
        if (out(ONLCR)) {
            column_ = 0;
            add('\r');
        }
        add('\n');
        return n;
    case '\r':
        if (out(ONOCR) && column_ == 0) return 0;
        if (out(OCRNL)) {
            if (out(ONLRET)) column_ = 0;
            add('\n');
            return n;
        }
        column_ = 0;
        break;
    case '\t': {
        unsigned spaces = 8 - column_ % 8;
        column_ += spaces;
        if ((settings_.c_oflag & TABDLY) == XTABS) {
            while (spaces--) add(' ');
            return n;
        }
        break;
    }
    case '\b':
        if (column_) column_--;
        break;
    default:
        if (out(OLCUC) && c >= 'a' && c <= 'z') c -= 32;
        if (!is_control(c) && !(in(IUTF8) && is_continuation(c))) column_++;
    }
    add(c);
    return n;
}

usize LineDiscipline::write(std::span<const char> bytes) {
    if (stopped_ || !flush_echo()) return 0;
    if (!out(OPOST)) return host_.output(bytes);
    char stage[256];
    usize done = 0;
    for (usize room = host_.room(); done < bytes.size() && room >= longest_conversion;) {
        usize used = 0, limit = room < sizeof stage ? room : sizeof stage;
        while (done < bytes.size() && used + longest_conversion <= limit)
            used += convert(static_cast<u8>(bytes[done++]), stage + used);
        host_.output({stage, used});
        room -= used;
    }
    return done;
}

void LineDiscipline::echo_queue(char c) {
    if (echo_used_ == echo_.size()) return; // nobody reads what we echo
    echo_[(echo_first_ + echo_used_++) % echo_.size()] = c;
}

void LineDiscipline::echo_plain(u8 c) {
    char to[longest_conversion];
    usize n = convert(c, to);
    for (usize i = 0; i < n; i++) echo_queue(to[i]);
}

void LineDiscipline::echo(u8 c) {
    if (!local(ECHOCTL) || !is_control(c) || c == '\t') return echo_plain(c);
    echo_queue('^');
    echo_queue(static_cast<char>(c ^ 0100));
    column_ += 2;
}

bool LineDiscipline::flush_echo() {
    while (echo_used_) {
        usize part = echo_.size() - echo_first_ < echo_used_ ? echo_.size() - echo_first_ : echo_used_;
        usize n = host_.output({echo_.data() + echo_first_, part});
        if (n == 0) return false;
        echo_first_ = (echo_first_ + n) % echo_.size();
        echo_used_ -= n;
    }
    return true;
}

// ---- reading

bool LineDiscipline::readable(usize least) const {
    if (canonical()) return line_ != tail_;
    return head_ - tail_ >= least;
}

usize LineDiscipline::available() const {
    if (!canonical()) return head_ - tail_;
    usize n = 0;
    for (u32 i = tail_; i != line_; i++) n += !(ends_line(i) && at(i) == end_of_file);
    return n;
}

/// Moves the bytes up to `end`, in at most two pieces.
Result<usize> LineDiscipline::read_raw(Sink& to, u32 end) {
    usize sum = 0;
    while (tail_ != end && !to.done()) {
        usize from = tail_ % capacity;
        usize n = end - tail_ < capacity - from ? end - tail_ : capacity - from;
        auto put = to.put(std::as_bytes(std::span{buffer_}.subspan(from, n)));
        if (!put) return sum ? Result<usize>{sum} : put;
        sum += *put;
        tail_ += static_cast<u32>(*put);
        if (*put < n) break;
    }
    return sum;
}

Result<usize> LineDiscipline::read_line(Sink& to) {
    u32 end = tail_;
    while (end != line_ && !ends_line(end)) end++;
    if (end == line_) return 0;
    bool eof = at(end) == end_of_file;
    auto n = read_raw(to, eof ? end : end + 1);
    // An end of file behind the last byte that was asked for goes with it.
    if (n && eof && tail_ == end) tail_++;
    return n;
}

Result<usize> LineDiscipline::read(Sink& to) { return canonical() ? read_line(to) : read_raw(to, head_); }
} // namespace tty
