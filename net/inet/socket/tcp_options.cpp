// Options of level SOL_TCP: tcp(7). What has no effect here reads back.
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/tcp_socket.h"
#include <algorithm>
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>

namespace net::inet {
using namespace sockets;
using tcp::ms, tcp::second, tcp::State;

namespace {
constexpr u32 least_segment = 88, most_segment = 32767; // TCP_MIN_MSS, MAX_TCP_WINDOW
constexpr u32 most_fin_timeout_s = 120;
constexpr usize longest_name = 16; // TCP_CA_NAME_MAX

/// How many SYN-ACKs, with doubled pauses, take so many seconds; and the other way.
u32 retries_in(int seconds) {
    u32 n = 0;
    for (int period = 0, pause = 1; seconds > 0 && period < seconds && n < 255; n++) {
        period += pause;
        pause = std::min(pause * 2, 120);
    }
    return n;
}
int seconds_of(u32 retries) {
    int period = 0, pause = 1;
    for (; retries; retries--) {
        period += pause;
        pause = std::min(pause * 2, 120);
    }
    return period;
}
Result<> within(int value, int least, int most) {
    return value < least || value > most ? Result<>{err::inval} : Result<>{};
}
} // namespace

/// For the connection that there is, and those to come. Under the lock.
template <class F>
void TcpSocket::tune(F f) {
    f(tcp().tuning);
    if (auto& c = tcp().connection) f(c->tuning);
}

Result<> TcpSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    if (level == sol_tcp) return set_tcp_option(option, value);
    bool member = level == sol_ip     ? option == IP_ADD_MEMBERSHIP || option == IP_DROP_MEMBERSHIP
                  : level == sol_ipv6 ? option == IPV6_ADD_MEMBERSHIP || option == IPV6_DROP_MEMBERSHIP
                                      : false;
    if (member) return err::proto; // a connection has no groups
    TRY(InetSocket::set_option(level, option, value));
    if (level != sol_socket) return {};
    if (option == SO_SNDBUF || option == SO_SNDBUFFORCE || option == SO_RCVBUF || option == SO_RCVBUFFORCE)
        buffers_changed(option);
    if (option == SO_MAX_PACING_RATE) {
        Outbox box;
        TcpEndpoint::Turn turn{tcp(), box};
        tune([rate = options().pacing_rate.load()](tcp::Tuning& t) { t.pacing_rate = rate; });
    }
    if (option == SO_KEEPALIVE) {
        Outbox box;
        TcpEndpoint::Turn turn{tcp(), box};
        tune([on = options().on(Flag::keep_alive)](tcp::Tuning& t) { t.keep_alive = on; });
        if (auto& c = tcp().connection) c->keep_alive_changed();
    }
    return {};
}

/// A buffer whose size the user has set does not grow by itself.
void TcpSocket::buffers_changed(int option) {
    Outbox box;
    TcpEndpoint::Turn turn{tcp(), box};
    tune([&](tcp::Tuning& t) {
        if (option == SO_SNDBUF || option == SO_SNDBUFFORCE)
            t.send_limit = t.send_most = options().send_buffer;
        else
            t.receive_limit = t.receive_most = options().receive_buffer;
    });
}

namespace {
/// TCP_CONGESTION's value: a name, ended by a null or the value's end.
Result<const tcp::CongestionControl*> named_control(UserSpan<const std::byte> value) {
    char name[longest_name] = {};
    if (value.size == 0) return err::inval;
    TRY(arch::copy_in(name, value.data.address(), std::min(value.size, sizeof name - 1)));
    auto* found = tcp::find_congestion_control(name);
    return found ? Result<const tcp::CongestionControl*>{found} : err::noent;
}
} // namespace

Result<> TcpSocket::set_tcp_option(int option, UserSpan<const std::byte> value) {
    if (option == TCP_CONGESTION) {
        auto* control = TRY(named_control(value));
        Holding held{end_->lock};
        tcp().tuning.congestion = control;
        if (auto& c = tcp().connection) c->set_congestion_control(*control);
        return {};
    }
    if (option == TCP_ULP) return err::noent; // no such module
    int n = TRY(option_value<int>(value));
    auto seconds = [n] { return static_cast<u64>(n) * second; };
    Outbox box;
    TcpEndpoint::Turn turn{tcp(), box};
    auto& e = tcp();
    auto* c = e.connection.get();
    switch (option) {
    case TCP_NODELAY:
        tune([n](tcp::Tuning& t) { t.nodelay = n; });
        if (n && c) c->push_pending();
        return {};
    case TCP_CORK:
        tune([n](tcp::Tuning& t) { t.cork = n; });
        if (!n && c) c->push_pending();
        return {};
    case TCP_MAXSEG:
        if (n) TRY(within(n, least_segment, most_segment));
        tune([n](tcp::Tuning& t) { t.max_segment = static_cast<u16>(n); });
        return {};
    case TCP_KEEPIDLE:
        TRY(within(n, 1, 32767));
        tune([&](tcp::Tuning& t) { t.keep_idle = seconds(); });
        if (c) c->keep_alive_changed();
        return {};
    case TCP_KEEPINTVL:
        TRY(within(n, 1, 32767));
        tune([&](tcp::Tuning& t) { t.keep_interval = seconds(); });
        return {};
    case TCP_KEEPCNT:
        TRY(within(n, 1, 127));
        tune([n](tcp::Tuning& t) { t.keep_count = static_cast<u8>(n); });
        return {};
    case TCP_SYNCNT:
        TRY(within(n, 1, 127));
        tune([n](tcp::Tuning& t) { t.syn_retries = static_cast<u8>(n); });
        return {};
    case TCP_LINGER2:
        e.linger2 = n < 0 ? -1 : std::min<int>(n, most_fin_timeout_s);
        tune([&](tcp::Tuning& t) {
            t.fin_timeout = e.linger2 < 0    ? 0
                            : e.linger2 == 0 ? e.stack().settings.tcp.fin_timeout_s * second
                                             : static_cast<u64>(e.linger2) * second;
        });
        return {};
    case TCP_DEFER_ACCEPT: e.defer_accept = static_cast<u8>(retries_in(n)); return {};
    case TCP_WINDOW_CLAMP:
        if (!n && e.state() != State::closed) return err::inval;
        e.window_clamp = n ? std::max(static_cast<u32>(n), u32{1152}) : 0;
        return {};
    case TCP_QUICKACK:
        e.quick_ack = n & 1;
        if (c) c->quick_ack(n & 1);
        return {};
    case TCP_USER_TIMEOUT:
        if (n < 0) return err::inval;
        tune([n](tcp::Tuning& t) { t.user_timeout = static_cast<u64>(n) * ms; });
        return {};
    case TCP_NOTSENT_LOWAT: // 0: the setting's
        e.unsent_low_water = static_cast<u32>(n);
        tune([&](tcp::Tuning& t) { t.unsent_low_water = n ? static_cast<u32>(n) : ~u32{0}; });
        return {};
    case TCP_THIN_LINEAR_TIMEOUTS:
    case TCP_THIN_DUPACK:
    case TCP_SAVE_SYN:
    case TCP_INQ: return within(n, 0, 1);
    case TCP_FASTOPEN: return n >= 0 && (e.listener || !c) ? Result<>{} : Result<>{err::inval};
    case TCP_FASTOPEN_CONNECT: TRY(within(n, 0, 1)); return err::opnotsupp; // net.ipv4.tcp_fastopen is 0
    case TCP_REPAIR:
    case TCP_REPAIR_QUEUE:
    case TCP_QUEUE_SEQ:
    case TCP_REPAIR_OPTIONS:
    case TCP_TIMESTAMP: return err::perm;
    default: return err::noprotoopt;
    }
}

Result<usize> TcpSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    if (level != sol_tcp) return InetSocket::get_option(level, option, value);
    auto& e = tcp();
    if (option == TCP_INFO) {
        tcp_info info{};
        {
            Holding held{e.lock};
            if (e.connection)
                e.connection->info(info, clocks::monotonic_ns());
            else
                info.tcpi_state = static_cast<u8>(e.state());
            if (e.listener) {
                info.tcpi_unacked = e.pending();
                info.tcpi_sacked = e.most_pending();
            }
        }
        return put_option(value, info);
    }
    if (option == TCP_CONGESTION) {
        char name[longest_name] = {};
        {
            Holding held{e.lock};
            auto text = (e.tuning.congestion ? e.tuning.congestion : tcp::congestion_controls()[0])->name();
            std::memcpy(name, text.data(), std::min(text.size(), sizeof name - 1));
        }
        return put_option(value, name);
    }
    if (option == TCP_ULP || option == TCP_SAVED_SYN) return 0;
    return put_option(value, TRY(get_tcp_number(option)));
}

Result<int> TcpSocket::get_tcp_number(int option) {
    Holding held{end_->lock};
    auto& e = tcp();
    const tcp::Tuning& t = e.connection ? e.connection->tuning : e.tuning;
    auto seconds = [](u64 ns) { return static_cast<int>(ns / second); };
    bool idle = !e.connection || e.state() == State::closed;
    switch (option) {
    case TCP_NODELAY: return t.nodelay;
    case TCP_CORK: return t.cork;
    case TCP_MAXSEG:
        if (idle) return t.max_segment ? t.max_segment : int{TCP_MSS_DEFAULT};
        return static_cast<int>(e.connection->mss() - (e.connection->has_timestamps() ? tcp::timestamps_size : 0));
    case TCP_KEEPIDLE: return seconds(t.keep_idle);
    case TCP_KEEPINTVL: return seconds(t.keep_interval);
    case TCP_KEEPCNT: return t.keep_count;
    case TCP_SYNCNT: return t.syn_retries;
    case TCP_LINGER2: return e.linger2 < 0 ? -1 : seconds(t.fin_timeout);
    case TCP_DEFER_ACCEPT: return seconds_of(e.defer_accept);
    case TCP_WINDOW_CLAMP: return static_cast<int>(e.window_clamp);
    case TCP_QUICKACK: return e.quick_ack;
    case TCP_USER_TIMEOUT: return static_cast<int>(t.user_timeout / ms);
    case TCP_NOTSENT_LOWAT: return static_cast<int>(e.unsent_low_water);
    case TCP_TIMESTAMP: return static_cast<int>(clocks::monotonic_ns() / ms);
    case TCP_THIN_LINEAR_TIMEOUTS:
    case TCP_THIN_DUPACK:
    case TCP_SAVE_SYN:
    case TCP_INQ:
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
    case TCP_FASTOPEN_NO_COOKIE: return 0;
    case TCP_REPAIR: return 0;
    default: return err::noprotoopt;
    }
}
} // namespace net::inet
