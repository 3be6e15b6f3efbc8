// A 16550 UART: registers, FIFOs, interrupts. Knows nothing of terminals.
#pragma once
#include "core/sync/lock.h"
#include "core/work/work.h"
#include "drivers/bus/device.h"

namespace serial {
/// A queue of bytes; N is a power of two.
template <usize N>
class ByteRing {
public:
    usize size() const { return in_ - out_; }
    usize room() const { return N - size(); }
    void push(char c) { bytes_[in_++ % N] = c; }
    char pop() { return bytes_[out_++ % N]; }

private:
    char bytes_[N];
    usize in_ = 0, out_ = 0;
};

/// Lives for ever. Bytes wait in a ring in each direction; a full receive ring stops the sender by leaving its bytes in
/// the device.
class Uart final : public IrqHandler {
public:
    /// `changed` is queued when bytes have arrived and when the send ring has drained to half or less.
    constexpr explicit Uart(Work& changed) : changed_{changed} {}
    /// Programs the device: 8 bits, no parity, FIFOs, interrupts. err::nodev: nothing there.
    Result<> start(bus::Device&);

    /// Takes what fits; any context.
    usize send(std::span<const char>);
    usize send_room();
    usize send_pending();
    /// Takes received bytes out.
    usize receive(std::span<char> to);

    bool interrupt() override;

private:
    struct State {
        ByteRing<4096> sent, received;
        bool send_interrupt = false, receive_interrupt = false;
    };
    u8 read(unsigned reg) const;
    void write(unsigned reg, u8 value) const;
    void set_interrupts(const State&) const;
    void fill_device(State&) const;
    bool empty_device(State&) const;

    bus::Registers registers_;
    unsigned stride_ = 1;
    Guarded<State, Spinlock<Rank::device>> state_;
    Work& changed_;
};
} // namespace serial
