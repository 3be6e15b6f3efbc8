// The options of level SOL_SOCKET that sockets of all families have, and their limits.
#pragma once
#include "core/mm/user.h"
#include "core/time/deadline.h"
#include "kernel/socket/filter.h"
#include "lib/result.h"
#include <atomic>

namespace sockets {
/// sysctls: net.core.* and net.unix.*.
struct Settings {
    std::atomic<u32> send_default = 212'992, send_most = 212'992;       // wmem_default, wmem_max
    std::atomic<u32> receive_default = 212'992, receive_most = 212'992; // rmem_default, rmem_max
    std::atomic<u32> most_pending = 4096;                               // somaxconn
    std::atomic<u32> most_datagrams = 10;                               // net.unix.max_dgram_qlen
};
extern Settings settings;
/// Of one message's control data: optmem_max. err::nobufs beyond.
inline constexpr usize most_control = 131'072;

/// Options that are on or off, by bit.
enum class Flag : u8 {
    debug,
    reuse_address,
    reuse_port,
    dont_route,
    broadcast,
    keep_alive,
    oob_inline,
    no_check,
    linger,
    pass_credentials,
    pass_pidfd,
    pass_security,
    refuse_rights, // SO_PASSRIGHTS is off
    timestamp,
    timestamp_ns,
    overflow, // SO_RXQ_OVFL
    wifi_status,
    no_fcs,
    select_error_queue,
    zero_copy,
    receive_mark, // SO_RCVMARK
};

/// What a socket has of them. Read at any time without locks. Some only read back: what they tune is not there, or is
/// a family's to look at.
class Options {
public:
    bool on(Flag f) const { return flags_.load(std::memory_order_relaxed) >> static_cast<u8>(f) & 1; }
    void set(Flag f, bool on) {
        u32 bit = 1u << static_cast<u8>(f);
        on ? flags_.fetch_or(bit, std::memory_order_relaxed) : flags_.fetch_and(~bit, std::memory_order_relaxed);
    }
    /// Some flag of `pass_credentials`, `pass_pidfd`: readers want to know who has sent.
    bool passes_identity() const {
        return flags_.load(std::memory_order_relaxed) &
               (1u << static_cast<u8>(Flag::pass_credentials) | 1u << static_cast<u8>(Flag::pass_pidfd));
    }
    /// What a connection takes from the socket that listens.
    void inherit(const Options& from);
    /// Only what the reader wants to know of who sends.
    void inherit_identity(const Options& from);

    /// Bytes of memory that what was sent and not yet taken, or has arrived, may have: SO_SNDBUF, SO_RCVBUF.
    std::atomic<u32> send_buffer = settings.send_default.load(std::memory_order_relaxed);
    std::atomic<u32> receive_buffer = settings.receive_default.load(std::memory_order_relaxed);
    /// ~0: for ever; 0: not at all (a negative time). SO_SNDTIMEO, SO_RCVTIMEO.
    std::atomic<u64> send_timeout_ns = ~u64{0}, receive_timeout_ns = ~u64{0};
    /// Bytes that a read of a stream waits for: SO_RCVLOWAT.
    std::atomic<u32> low_water = 1;
    /// Where MSG_PEEK reads; negative: always at the front. SO_PEEK_OFF.
    std::atomic<int> peek_offset = -1;
    std::atomic<u32> priority = 0, mark = 0, linger_seconds = 0, interface = 0, buffer_lock = 0;
    std::atomic<u64> pacing_rate = ~u64{0};
    std::atomic<int> busy_poll_us = 0, incoming_cpu = -1;
    Filter filter;
    /// What a call has to tell later: an errno, taken by the call that tells it. SO_ERROR.
    std::atomic<int> error = 0;
    /// Takes the error: 0, or an errno.
    int take_error() {
        return error.load(std::memory_order_relaxed) ? error.exchange(0, std::memory_order_acq_rel) : 0;
    }

private:
    std::atomic<u32> flags_ = 0;
};

/// The error that a socket has to tell, taken. For calls that begin with it.
inline Result<> check_error(Options& options) {
    int error = options.take_error();
    return error ? Result<>{std::unexpected(static_cast<Errno>(error))} : Result<>{};
}
/// How long a call waits that begins now.
inline Deadline deadline_of(const std::atomic<u64>& timeout_ns, bool nonblocking);

/// Reads the first bytes of an option's value. err::inval: it is too short; err::fault.
template <class T>
Result<T> option_value(UserSpan<const std::byte> value) {
    if (value.size < sizeof(T)) return err::inval;
    return copy_in(value.data.as<const T>());
}
/// Writes an option's value, cut off to what the user has room for; returns the size to be told.
template <class T>
Result<usize> put_option(UserSpan<std::byte> to, const T& value) {
    usize n = to.size < sizeof value ? to.size : sizeof value;
    TRY(arch::copy_out(to.data.address(), &value, n));
    return n;
}
} // namespace sockets

#include "core/time/clock.h"
inline Deadline sockets::deadline_of(const std::atomic<u64>& timeout_ns, bool nonblocking) {
    u64 ns = timeout_ns.load(std::memory_order_relaxed);
    if (nonblocking || ns == 0) return at_once;
    return ns == ~u64{0} ? never : clocks::in(ns);
}
