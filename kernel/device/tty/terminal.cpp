#include "core/time/clock.h"
#include "kernel/device/tty/terminal_impl.h"
#include "kernel/process/task.h"
#include <linux/eventpoll.h>

namespace tty {
namespace {
constinit Terminal* the_console = nullptr;
}

Terminal* console() { return the_console; }
void set_console(Ref<Terminal> terminal) { the_console = terminal.release(); }

Result<Ref<Terminal>> Terminal::create(TerminalOutput& output, std::string_view name, u64 device) {
    auto made = TRY(make_ref<Terminal>());
    made->impl_ = TRY(make<Impl>(output, name, device));
    return made;
}
Result<Ref<Terminal>> Terminal::create(Box<OwnedOutput> output, std::string_view name, u64 device) {
    auto made = TRY(create(*output, name, device));
    made->impl_->owned = std::move(output);
    return made;
}
Terminal::~Terminal() {}
u64 Terminal::device() const { return impl_->device; }
std::string_view Terminal::name() const { return impl_->name; }
WaitQueue& Terminal::changed() { return impl_->changed; }

// ---- the wire's side

usize Terminal::input(std::span<const char> bytes) {
    usize n;
    {
        Holding held{impl_->lock};
        n = impl_->gone ? bytes.size() : impl_->take_input(bytes);
        impl_->last_input_ns = clocks::monotonic_ns();
    }
    if (n) impl_->changed.notify_all(EPOLLIN | EPOLLRDNORM);
    return n;
}

bool Terminal::takes_input() {
    Holding held{impl_->lock};
    return impl_->gone || impl_->takes_input();
}

bool Terminal::Impl::takes_input() const {
    return owned ? waiting.size() - waiting_at < most_waiting : line.takes_input();
}

usize Terminal::Impl::take_input(std::span<const char> bytes) {
    feed();
    usize n = waiting.empty() ? line.input(bytes) : 0;
    if (!owned) return n; // a device keeps the rest
    for (; n < bytes.size() && takes_input(); n++)
        if (!waiting.push(bytes[n])) break;
    return n;
}

void Terminal::Impl::feed() {
    waiting_at += line.input(std::span{waiting}.subspan(waiting_at));
    if (waiting_at < waiting.size()) return;
    waiting = {};
    waiting_at = 0;
}

void Terminal::Impl::flush_input() {
    line.flush_input();
    waiting = {};
    waiting_at = 0;
}

void Terminal::output_ready() {
    {
        Holding held{impl_->lock};
        impl_->line.flush_echo();
    }
    impl_->changed.notify_all(EPOLLOUT | EPOLLWRNORM);
}

void Terminal::Impl::send_signal(int number) { signal_foreground(*this, number); }

void Terminal::Impl::flow(bool stopped) {
    output_to.report(stopped ? TIOCPKT_STOP : TIOCPKT_START);
    if (!stopped) changed.notify_all(EPOLLOUT | EPOLLWRNORM);
}

void Terminal::Impl::discard_output() {
    output_to.discard();
    output_to.report(TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
}

void Terminal::hang_up() {
    {
        Holding held{impl_->lock};
        impl_->gone = true;
        impl_->flush_input();
    }
    end_session(*impl_, true);
    impl_->changed.notify_all();
}

void Terminal::hang_up_files() {
    {
        Holding held{impl_->lock};
        impl_->hangups.fetch_add(1, std::memory_order_release);
        impl_->flush_input();
    }
    end_session(*impl_, true);
    impl_->changed.notify_all();
}

// ---- the programs' side

Result<usize> Terminal::Impl::read_now(Sink& to) {
    Holding held{lock};
    if (gone) return 0;
    if (line.canonical()) {
        if (!line.readable()) return err::again;
        return line.read(to);
    }
    // Until there is enough, nothing is taken: what came stays for whoever reads next if this read is interrupted.
    usize least = minimum() < to.remaining() ? minimum() : to.remaining();
    if (!line.readable(least)) return err::again;
    return line.read(to);
}

/// Raw mode with VTIME: waits by itself, since the time runs from the last byte and block_on() knows no such deadline.
Result<usize> Terminal::Impl::read_timed(Sink& to, bool nonblocking) {
    u64 started = clocks::monotonic_ns();
    while (true) {
        Deadline until = never;
        usize before;
        {
            Holding held{lock};
            if (gone) return 0;
            usize least = minimum() < to.remaining() ? minimum() : to.remaining();
            if (line.canonical() || patience_ns() == 0) return err::again; // changed meanwhile: start over
            before = line.available();
            if (before && before >= least) return line.read(to);
            if (nonblocking) return before ? line.read(to) : err::again;
            // VMIN > 0: the clock runs between bytes, and starts with the first one.
            if (least == 0)
                until = Deadline{started + patience_ns()};
            else if (before)
                until = Deadline{last_input_ns + patience_ns()};
            if (until != never && until.ns <= clocks::monotonic_ns()) return before ? line.read(to) : 0;
        }
        auto slept = wait_until(
            changed,
            [&] {
                Holding held{lock};
                return gone || line.available() != before || line.canonical();
            },
            until);
        if (!slept && slept.error() != Errno::timedout) return std::unexpected(slept.error());
    }
}

Result<usize> Terminal::read(Sink& to, bool nonblocking) {
    TRY(check_foreground(*impl_, SIGTTIN));
    if (to.done()) return 0;
    bool timed, partly;
    {
        Holding held{impl_->lock};
        bool raw = !impl_->line.canonical();
        timed = raw && impl_->patience_ns();
        partly = raw && nonblocking && impl_->line.available();
    }
    Result<usize> n = err::again;
    if (partly) {
        Holding held{impl_->lock};
        n = impl_->line.read(to);
    } else if (timed) {
        n = impl_->read_timed(to, nonblocking);
    } else {
        n = impl_->read_now(to);
    }
    if (n && *n) {
        bool more;
        {
            Holding held{impl_->lock};
            more = !impl_->waiting.empty();
            if (more) impl_->feed();
        }
        if (more) impl_->changed.notify_all(EPOLLIN | EPOLLRDNORM);
        impl_->output_to.input_taken();
    }
    return n;
}

Result<usize> Terminal::write(Source& from) {
    {
        bool stops;
        {
            Holding held{impl_->lock};
            stops = impl_->line.settings().c_lflag & TOSTOP;
        }
        if (stops) TRY(check_foreground(*impl_, SIGTTOU));
    }
    Holding held{impl_->lock};
    usize sum = 0;
    char chunk[512];
    while (!from.done()) {
        if (impl_->gone) return sum ? Result<usize>{sum} : err::io;
        auto n = from.peek(std::as_writable_bytes(std::span{chunk}));
        if (!n) return sum ? Result<usize>{sum} : n;
        usize sent = impl_->line.write({chunk, *n});
        (void)from.skip(sent);
        sum += sent;
        if (sent < *n) break;
    }
    if (sum == 0 && !from.done()) return err::again;
    return sum;
}

u32 Terminal::poll() {
    Holding held{impl_->lock};
    if (impl_->gone) return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
    usize least = impl_->patience_ns() || !impl_->minimum() ? 1 : impl_->minimum();
    u32 ready = impl_->line.readable(least) ? EPOLLIN | EPOLLRDNORM : 0;
    if (!impl_->line.stopped() && impl_->output_to.room() >= LineDiscipline::longest_conversion)
        ready |= EPOLLOUT | EPOLLWRNORM;
    return ready;
}

/// Waits until everything has left. The output does not tell that moment, so it is asked now and then.
Result<> Terminal::Impl::drain() {
    while (true) {
        auto left = wait_until(
            changed,
            [&] {
                Holding held{lock};
                return gone || output_to.pending() == 0;
            },
            clocks::in(5'000'000));
        if (left) return {};
        if (left.error() != Errno::timedout) return left;
    }
}
} // namespace tty
