#include "drivers/serial/uart.h"

namespace serial {
namespace {
enum Register : unsigned {
    data = 0,
    interrupt_enable = 1,
    fifo_control = 2,
    line_control = 3,
    modem_control = 4,
    line_status = 5,
    scratch = 7
};
constexpr u8 enable_received = 1, enable_empty = 2;               // interrupt_enable
constexpr u8 fifo_on = 1;                                         // fifo_control: interrupt at one byte
constexpr u8 eight_bits = 3;                                      // line_control: 8N1
constexpr u8 ready_lines = 3, interrupt_line = 8, loop_back = 16; // modem_control: DTR, RTS; OUT2 gates the interrupt
constexpr u8 data_ready = 1, break_received = 16, empty = 32;     // line_status
constexpr unsigned fifo_size = 16;
} // namespace

u8 Uart::read(unsigned reg) const { return registers_.read<u8>(reg * stride_); }

void Uart::write(unsigned reg, u8 value) const { registers_.write<u8>(reg * stride_, value); }

Result<> Uart::start(bus::Device& device) {
    registers_ = TRY(device.registers(0));
    stride_ = device.description()->stride;
    if (registers_.size() < usize{8} * stride_) return err::nodev;
    write(scratch, 0x5a);
    if (read(scratch) != 0x5a) return err::nodev;
    write(interrupt_enable, 0);
    write(line_control, eight_bits);
    // What was typed before now is kept: turning the FIFO on clears it, so it is emptied first, cut off from the line.
    write(modem_control, loop_back);
    for (unsigned i = 0; i < fifo_size && read(line_status) & data_ready; i++)
        state_.unguarded().received.push(static_cast<char>(read(data)));
    write(fifo_control, fifo_on);
    write(modem_control, ready_lines | interrupt_line);
    TRY(device.connect_line(*this));
    auto state = state_.lock();
    state->receive_interrupt = true;
    set_interrupts(*state);
    return {};
}

void Uart::set_interrupts(const State& s) const {
    write(interrupt_enable,
          static_cast<u8>((s.receive_interrupt ? enable_received : 0) | (s.send_interrupt ? enable_empty : 0)));
}

/// Moves bytes into the device as long as it takes them.
void Uart::fill_device(State& s) const {
    while (s.sent.size() && read(line_status) & empty)
        for (unsigned i = 0; i < fifo_size && s.sent.size(); i++) write(data, static_cast<u8>(s.sent.pop()));
    bool more = s.sent.size() != 0;
    if (more == s.send_interrupt) return;
    s.send_interrupt = more;
    set_interrupts(s);
}

/// Whether there was anything.
bool Uart::empty_device(State& s) const {
    bool any = false;
    while (s.received.room()) {
        u8 status = read(line_status);
        if (!(status & data_ready)) break;
        any = true;
        char c = static_cast<char>(read(data));
        if (!(status & break_received)) s.received.push(c);
    }
    bool more = s.received.room() != 0;
    if (more != s.receive_interrupt) {
        s.receive_interrupt = more;
        set_interrupts(s);
    }
    return any;
}

usize Uart::send(std::span<const char> bytes) {
    auto s = state_.lock();
    usize taken = 0;
    while (taken < bytes.size()) {
        while (taken < bytes.size() && s->sent.room()) s->sent.push(bytes[taken++]);
        fill_device(*s);
        if (!s->sent.room()) break; // the device does not keep up: its interrupt goes on
    }
    return taken;
}

usize Uart::send_room() { return state_.lock()->sent.room(); }
usize Uart::send_pending() { return state_.lock()->sent.size(); }

usize Uart::receive(std::span<char> to) {
    auto s = state_.lock();
    usize n = 0;
    while (n < to.size() && s->received.size()) to[n++] = s->received.pop();
    if (n && !s->receive_interrupt) (void)empty_device(*s);
    return n;
}

bool Uart::interrupt() {
    bool arrived, drained, was_sending;
    {
        auto s = state_.lock();
        was_sending = s->send_interrupt;
        arrived = empty_device(*s);
        fill_device(*s);
        drained = was_sending && s->sent.room() >= s->sent.size();
    }
    if (arrived || drained) changed_.queue();
    return arrived || was_sending;
}
} // namespace serial
