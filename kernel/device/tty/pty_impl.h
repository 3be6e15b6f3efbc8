// The wire between a master's file and its slave; only kernel/device/tty looks here.
#pragma once
#include "kernel/device/tty/pty.h"
#include "kernel/device/tty/terminal_impl.h"
#include <linux/eventpoll.h>

namespace tty {
class Pty final : public OwnedOutput {
public:
    explicit Pty(u32 n) : number{n} {}

    // Towards the master; with the terminal's lock held.
    usize write(std::span<const char>) override;
    usize room() override;
    void discard() override;
    void report(u8 packet_status) override;
    void input_taken() override { changed.notify_all(EPOLLOUT | EPOLLWRNORM); }
    void opened() override;
    void closed() override;

    /// The master's side: copies without taking / takes.
    usize peek(std::span<char>);
    void drop(usize n);
    usize available();
    u8 take_status();

    const u32 number;
    Mutex<Rank::stream> reading; // one master reader at a time
    WaitQueue changed;           // the master's
    std::atomic<bool> locked = true, packets = false, slave_closed = false;
    std::atomic<u8> status = 0; // TIOCPKT_* to be told
    Guarded<NodeAttributes, Spinlock<Rank::device>> node;

private:
    static constexpr usize capacity = 4096;
    struct Ring {
        char bytes[capacity];
        usize first = 0, used = 0;
    };
    Guarded<Ring, Spinlock<Rank::device>> ring_;
};
inline Pty& pty_of(Terminal& t) { return static_cast<Pty&>(t.impl().output_to); }
} // namespace tty
