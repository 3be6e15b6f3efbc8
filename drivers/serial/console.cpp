// The UART as the console's terminal. A thread carries bytes between the two, since terminals sleep on locks.
#include "core/sched/thread.h"
#include "drivers/serial/serial.h"
#include "drivers/serial/uart.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/vfs/device.h"

namespace serial {
namespace {
class Console final : public tty::TerminalOutput {
public:
    Result<> start() {
        TRY(uart_.start(arch::boot_info().serial));
        auto terminal = TRY(tty::Terminal::create(*this, "console", device::number(5, 1)));
        terminal_ = terminal.get();
        tty::set_console(std::move(terminal)); // keeps it for ever
        TRY(Thread::spawn("serial", [](void* self) { static_cast<Console*>(self)->run(); }, this));
        return {};
    }
    void flush() { uart_.flush(); }

    usize write(std::span<const char> bytes) override {
        usize n = uart_.send(bytes);
        if (n < bytes.size()) blocked_.store(true, std::memory_order_release);
        return n;
    }
    usize room() override {
        usize n = uart_.send_room();
        if (n < enough_room) blocked_.store(true, std::memory_order_release);
        return n;
    }
    usize pending() override { return uart_.send_pending(); }
    void input_taken() override {
        if (stalled_.exchange(false, std::memory_order_acq_rel)) uart_.changed().notify_all();
    }

private:
    /// The UART tells when its ring is half empty; a terminal that found less room is told then.
    static constexpr usize enough_room = 2048;

    [[noreturn]] void run() {
        char bytes[256];
        std::span<char> left; // received, not yet taken by the terminal
        for (;;) {
            (void)wait_until(uart_.changed(), [&] { return has_work(left); }, never, false);
            if (blocked_.load(std::memory_order_acquire) && uart_.send_room() >= enough_room) {
                blocked_.store(false, std::memory_order_release);
                terminal_->output_ready();
            }
            if (left.empty()) left = std::span{bytes}.first(uart_.receive(bytes));
            stalled_.store(true, std::memory_order_release); // before input(), so that room made meanwhile is seen
            left = left.subspan(terminal_->input(left));
            if (left.empty()) stalled_.store(false, std::memory_order_release);
        }
    }
    bool has_work(std::span<char> left) {
        if (blocked_.load(std::memory_order_acquire) && uart_.send_room() >= enough_room) return true;
        return left.empty() ? uart_.has_received() : !stalled_.load(std::memory_order_acquire);
    }

    Uart uart_;
    tty::Terminal* terminal_ = nullptr;
    std::atomic<bool> blocked_ = false; // the terminal waits for room to send
    std::atomic<bool> stalled_ = false; // the terminal had no room for input
};
constinit Console the_console;
} // namespace

Result<> init() { return the_console.start(); }
void flush() { the_console.flush(); }
} // namespace serial
