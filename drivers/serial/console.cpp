// The UART as the console's terminal. The CPUs' workers carry bytes between the two, since terminals sleep on locks.
#include "drivers/serial/serial.h"
#include "drivers/serial/uart.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/vfs/device.h"

namespace serial {
namespace {
class Console final : public tty::TerminalOutput, public Work {
public:
    Result<> start(bus::Device& device) {
        if (terminal_) return err::nodev; // there is one console
        auto terminal = TRY(tty::Terminal::create(*this, "console", device::number(5, 1)));
        terminal_ = terminal.get();
        if (auto started = uart_.start(device); !started) {
            terminal_ = nullptr;
            return started;
        }
        tty::set_console(std::move(terminal)); // keeps it for ever
        queue();                               // what was typed before now
        return {};
    }

    usize write(std::span<const char> bytes) override {
        usize n = uart_.send(bytes);
        if (n < bytes.size()) wait_for_room();
        return n;
    }
    usize room() override {
        usize n = uart_.send_room();
        if (n < enough_room) wait_for_room();
        return n;
    }
    usize pending() override { return uart_.send_pending(); }
    void input_taken() override {
        if (stalled_.exchange(false, std::memory_order_acq_rel)) queue();
    }

private:
    /// The UART tells when its ring is half empty; a terminal that found less room is told then.
    static constexpr usize enough_room = 2048;

    void wait_for_room() {
        blocked_.store(true, std::memory_order_release);
        if (uart_.send_room() >= enough_room) queue(); // it has drained meanwhile
    }

    bool run(unsigned rounds) override {
        if (blocked_.load(std::memory_order_acquire) && uart_.send_room() >= enough_room) {
            blocked_.store(false, std::memory_order_release);
            terminal_->output_ready();
        }
        for (; rounds; rounds--) {
            if (left_.empty()) left_ = std::span{bytes_}.first(uart_.receive(bytes_));
            if (left_.empty()) return false;
            stalled_.store(true, std::memory_order_release); // before input(), so that room made meanwhile is seen
            left_ = left_.subspan(terminal_->input(left_));
            if (!left_.empty()) return false; // until input_taken()
            stalled_.store(false, std::memory_order_release);
        }
        return true;
    }

    Uart uart_{*this};
    tty::Terminal* terminal_ = nullptr;
    char bytes_[256] = {};
    std::span<char> left_;              // received, not yet taken by the terminal
    std::atomic<bool> blocked_ = false; // the terminal waits for room to send
    std::atomic<bool> stalled_ = false; // the terminal had no room for input
};
constinit Console the_console;

constexpr bus::Match matches[] = {bus::platform("ns16550a")};
} // namespace

const bus::Driver driver{"serial", matches, [](bus::Device& device) { return the_console.start(device); }};
} // namespace serial
