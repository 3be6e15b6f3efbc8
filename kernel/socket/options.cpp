// setsockopt(2) and getsockopt(2) of level SOL_SOCKET.
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "kernel/socket/socket.h"
#include "kernel/views/view.h"
#include <algorithm>
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/time_types.h>

namespace sockets {
constinit Settings settings;

void Options::inherit(const Options& from) {
    auto take = [](auto& to, const auto& of) {
        to.store(of.load(std::memory_order_relaxed), std::memory_order_relaxed);
    };
    take(send_buffer, from.send_buffer), take(receive_buffer, from.receive_buffer), take(low_water, from.low_water);
    take(send_timeout_ns, from.send_timeout_ns), take(receive_timeout_ns, from.receive_timeout_ns);
    take(priority, from.priority), take(mark, from.mark), take(linger_seconds, from.linger_seconds);
    take(interface, from.interface), take(flags_, from.flags_);
    take(filter.locked, from.filter.locked);
    (void)filter.exchange(from.filter.program);
}

void Options::inherit_identity(const Options& from) {
    for (Flag f : {Flag::pass_credentials, Flag::pass_pidfd, Flag::pass_security, Flag::refuse_rights})
        set(f, from.on(f));
}

namespace {
// TCP_SKB_MIN_TRUESIZE: what a small packet takes on Linux.
constexpr u32 least_receive_buffer = 2304, least_send_buffer = 2 * least_receive_buffer;
constexpr u32 most_doubled = 0x7fff'ffff / 2;

struct linger {
    int on, seconds;
};

/// Options that are on or off and have no other rule.
struct Switch {
    int option;
    Flag flag;
};
constexpr Switch switches[] = {
    {SO_REUSEADDR, Flag::reuse_address},
    {SO_DONTROUTE, Flag::dont_route},
    {SO_BROADCAST, Flag::broadcast},
    {SO_KEEPALIVE, Flag::keep_alive},
    {SO_OOBINLINE, Flag::oob_inline},
    {SO_NO_CHECK, Flag::no_check},
    {SO_RXQ_OVFL, Flag::overflow},
    {SO_WIFI_STATUS, Flag::wifi_status},
    {SO_NOFCS, Flag::no_fcs},
    {SO_SELECT_ERR_QUEUE, Flag::select_error_queue},
    {SO_RCVMARK, Flag::receive_mark},
};
const Switch* find_switch(int option) {
    for (const Switch& s : switches)
        if (s.option == option) return &s;
    return nullptr;
}
/// Of the two, one is on at most.
const Switch* find_timestamp(int option) {
    static constexpr Switch all[] = {{SO_TIMESTAMP_OLD, Flag::timestamp},
                                     {SO_TIMESTAMP_NEW, Flag::timestamp},
                                     {SO_TIMESTAMPNS_OLD, Flag::timestamp_ns},
                                     {SO_TIMESTAMPNS_NEW, Flag::timestamp_ns}};
    for (const Switch& s : all)
        if (s.option == option) return &s;
    return nullptr;
}
/// Those that say what comes with a message of a family that passes credentials.
const Switch* find_pass(int option) {
    static constexpr Switch all[] = {{SO_PASSCRED, Flag::pass_credentials},
                                     {so_passpidfd, Flag::pass_pidfd},
                                     {SO_PASSSEC, Flag::pass_security},
                                     {so_passrights, Flag::refuse_rights}};
    for (const Switch& s : all)
        if (s.option == option) return &s;
    return nullptr;
}
bool passes(Socket& socket, int option) {
    if (option == so_passrights) return socket.domain() == af_unix;
    return socket.domain() == af_unix || socket.domain() == af_netlink;
}

bool can(unsigned capability) {
    Caller* who = Caller::current();
    return !who || who->credentials().can(capability);
}
bool administers_network() { return can(CAP_NET_ADMIN); }
bool is_inet(Socket& s) { return s.domain() == af_inet || s.domain() == af_inet6; }

void set_send_buffer(Socket& socket, u32 bytes) {
    bytes = std::min(bytes, most_doubled);
    socket.options().send_buffer = std::max(bytes * 2, least_send_buffer);
    socket.limits_changed();
}
void set_receive_buffer(Socket& socket, u32 bytes) {
    bytes = std::min(bytes, most_doubled);
    socket.options().receive_buffer = std::max(bytes * 2, least_receive_buffer);
}

Result<> set_timeout(std::atomic<u64>& to, UserSpan<const std::byte> value) {
    auto time = TRY(option_value<__kernel_old_timeval>(value));
    if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return err::dom;
    u64 seconds = static_cast<u64>(time.tv_sec), us = static_cast<u64>(time.tv_usec);
    if (time.tv_sec < 0)
        to = 0;
    else if (seconds + us == 0 || seconds > (~u64{0} >> 1) / clocks::ns_per_second - 1)
        to = ~u64{0};
    else
        to = seconds * clocks::ns_per_second + us * 1000;
    return {};
}
Result<usize> get_timeout(const std::atomic<u64>& timeout, UserSpan<std::byte> value) {
    u64 ns = timeout.load(std::memory_order_relaxed);
    __kernel_old_timeval time{};
    if (ns != ~u64{0}) {
        time.tv_sec = static_cast<__kernel_long_t>(ns / clocks::ns_per_second);
        time.tv_usec = static_cast<__kernel_long_t>(ns % clocks::ns_per_second / 1000);
    }
    return put_option(value, time);
}

Result<> set_linger(Options& options, UserSpan<const std::byte> value) {
    auto asked = TRY(option_value<linger>(value));
    if (asked.on) options.linger_seconds = static_cast<u32>(asked.seconds);
    options.set(Flag::linger, asked.on);
    return {};
}

Result<> set_priority(Options& options, int value) {
    if ((value < 0 || value > 6) && !can(CAP_NET_RAW) && !administers_network()) return err::perm;
    options.priority = static_cast<u32>(value);
    return {};
}

/// Those of which the value is an int and which have a rule of their own.
Result<> set_number(Socket& socket, int option, int value) {
    Options& options = socket.options();
    u32 size = static_cast<u32>(value);
    switch (option) {
    case SO_DEBUG:
        if (value && !administers_network()) return err::acces;
        options.set(Flag::debug, value);
        return {};
    case SO_REUSEPORT:
        if (value && !is_inet(socket)) return err::opnotsupp;
        options.set(Flag::reuse_port, value);
        return {};
    case SO_SNDBUF: set_send_buffer(socket, std::min(size, settings.send_most.load())); return {};
    case SO_RCVBUF: set_receive_buffer(socket, std::min(size, settings.receive_most.load())); return {};
    case SO_SNDBUFFORCE:
        if (!administers_network()) return err::perm;
        set_send_buffer(socket, value < 0 ? 0 : size);
        return {};
    case SO_RCVBUFFORCE:
        if (!administers_network()) return err::perm;
        set_receive_buffer(socket, value < 0 ? 0 : size);
        return {};
    case SO_PRIORITY: return set_priority(options, value);
    case SO_RCVLOWAT: options.low_water = value < 0 ? 0x7fff'ffff : value ? size : 1; return {};
    case SO_MARK:
        if (!can(CAP_NET_RAW) && !administers_network()) return err::perm;
        options.mark = size;
        return {};
    case SO_PEEK_OFF:
        if (!socket.can_peek_at()) return err::opnotsupp;
        options.peek_offset = value;
        return {};
    case SO_BUF_LOCK:
        if (size & ~3u) return err::inval;
        options.buffer_lock = size;
        return {};
    case SO_BUSY_POLL:
        if (value < 0) return err::inval;
        options.busy_poll_us = value;
        return {};
    case SO_INCOMING_CPU: options.incoming_cpu = value; return {};
    case SO_ZEROCOPY: return is_inet(socket) ? Result<>{} : Result<>{err::opnotsupp};
    case SO_DETACH_FILTER: return detach_filter(socket);
    case SO_LOCK_FILTER: return lock_filter(socket, value);
    case SO_ATTACH_BPF: return err::inval;
    case SO_BSDCOMPAT: return {};
    default: return err::noprotoopt;
    }
}

Result<int> get_number(Socket& socket, int option) {
    Options& options = socket.options();
    switch (option) {
    case SO_DEBUG: return options.on(Flag::debug);
    case SO_REUSEPORT: return options.on(Flag::reuse_port);
    case SO_TYPE: return socket.type();
    case SO_DOMAIN: return socket.domain();
    case SO_PROTOCOL: return socket.protocol();
    case SO_ERROR: return options.take_error();
    case SO_SNDBUF: return static_cast<int>(options.send_buffer.load());
    case SO_RCVBUF: return static_cast<int>(options.receive_buffer.load());
    case SO_PRIORITY: return static_cast<int>(options.priority.load());
    case SO_RCVLOWAT: return static_cast<int>(options.low_water.load());
    case SO_SNDLOWAT: return 1;
    case SO_ACCEPTCONN: return socket.listens();
    case SO_MARK: return static_cast<int>(options.mark.load());
    case SO_PEEK_OFF: return socket.can_peek_at() ? Result<int>{options.peek_offset.load()} : err::opnotsupp;
    case SO_BUF_LOCK: return static_cast<int>(options.buffer_lock.load());
    case SO_BUSY_POLL: return options.busy_poll_us.load();
    case SO_INCOMING_CPU: return options.incoming_cpu.load();
    case SO_ZEROCOPY:
    case SO_BSDCOMPAT:
    case SO_BINDTOIFINDEX: return static_cast<int>(option == SO_BINDTOIFINDEX ? options.interface.load() : 0);
    case SO_LOCK_FILTER: return options.filter.locked;
    case SO_BPF_EXTENSIONS: return 64; // SKF_AD_MAX
    default: return err::noprotoopt;
    }
}

Result<usize> get_peer(Socket& socket, UserSpan<std::byte> value) {
    Identity peer = socket.peer_identity();
    Caller* who = Caller::current();
    // Nobody: all ones, as Linux shows who has no credentials.
    if (!peer.process || !who) return put_option(value, Identity::Shown{0, ids::none, ids::none});
    return put_option(value, peer.shown(*who->view().pids, who->credentials()));
}
/// err::range: the user has no room; the size is told all the same.
Result<usize> get_peer_groups(Socket& socket, UserSpan<std::byte> value) {
    auto peer = socket.peer_credentials();
    Caller* who = Caller::current();
    if (!peer || !who) return err::nodata;
    usize n = peer->groups.size() * sizeof(u32);
    if (value.size < n) return err::range;
    auto shown = TRY(who->credentials().shown_groups(*peer));
    TRY(arch::copy_out(value.data.address(), shown.data(), n));
    return n;
}
Result<usize> get_peer_name(Socket& socket, UserSpan<std::byte> value) {
    Address name;
    if (!socket.peer_address(name)) return err::notconn;
    if (name.size < value.size) return err::inval;
    TRY(arch::copy_out(value.data.address(), name.bytes, value.size));
    return value.size;
}
/// Bytes a second: an int, of which all ones are no limit, or eight bytes.
Result<> set_pacing_rate(Options& options, UserSpan<const std::byte> value) {
    u64 rate = TRY(option_value<u32>(value));
    if (value.size >= sizeof(u64))
        rate = TRY(option_value<u64>(value));
    else if (rate == ~u32{0})
        rate = ~u64{0};
    options.pacing_rate = rate;
    return {};
}
Result<usize> get_pacing_rate(const Options& options, UserSpan<std::byte> value) {
    u64 rate = options.pacing_rate;
    if (value.size >= sizeof rate) return put_option(value, rate);
    return put_option(value, static_cast<u32>(std::min(rate, u64{~u32{0}})));
}
} // namespace

Result<> Socket::set_option(int level, int option, UserSpan<const std::byte> value) {
    if (level != sol_socket) return err::opnotsupp;
    int number = TRY(option_value<int>(value));
    if (const Switch* s = find_switch(option)) return options_.set(s->flag, number), Result<>{};
    if (const Switch* s = find_timestamp(option)) {
        for (Flag f : {Flag::timestamp, Flag::timestamp_ns}) options_.set(f, number && f == s->flag);
        return {};
    }
    if (const Switch* s = find_pass(option)) {
        if (!passes(*this, option)) return err::opnotsupp;
        return options_.set(s->flag, option == so_passrights ? !number : number), Result<>{};
    }
    switch (option) {
    case SO_LINGER: return set_linger(options_, value);
    case SO_ATTACH_FILTER: return attach_filter(*this, value);
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW: return set_timeout(options_.receive_timeout_ns, value);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW: return set_timeout(options_.send_timeout_ns, value);
    case SO_MAX_PACING_RATE: return set_pacing_rate(options_, value);
    default: return set_number(*this, option, number);
    }
}

Result<usize> Socket::get_option(int level, int option, UserSpan<std::byte> value) {
    if (level != sol_socket) return err::opnotsupp;
    if (const Switch* s = find_switch(option)) return put_option(value, int{options_.on(s->flag)});
    if (const Switch* s = find_timestamp(option)) return put_option(value, int{options_.on(s->flag)});
    if (const Switch* s = find_pass(option)) {
        if (!passes(*this, option)) return err::opnotsupp;
        return put_option(value, int{options_.on(s->flag) != (option == so_passrights)});
    }
    switch (option) {
    case SO_LINGER:
        return put_option(value, linger{options_.on(Flag::linger), static_cast<int>(options_.linger_seconds.load())});
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW: return get_timeout(options_.receive_timeout_ns, value);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW: return get_timeout(options_.send_timeout_ns, value);
    case SO_GET_FILTER: return get_filter(*this, value);
    case SO_PEERCRED: return get_peer(*this, value);
    case SO_PEERGROUPS: return get_peer_groups(*this, value);
    case SO_PEERNAME: return get_peer_name(*this, value);
    case SO_MAX_PACING_RATE: return get_pacing_rate(options_, value);
    case SO_COOKIE: return value.size < 8 ? Result<usize>{err::inval} : put_option(value, cookie());
    default: return put_option(value, TRY(get_number(*this, option)));
    }
}
} // namespace sockets
