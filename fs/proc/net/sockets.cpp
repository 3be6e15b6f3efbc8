// /proc/net/tcp, udp, raw and unix.
#include "core/time/clock.h"
#include "fs/proc/net/net.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/listing.h"
#include "net/unix/names.h"
#include <linux/in.h>

namespace proc {
using namespace net;
using namespace net::inet;

namespace {
constexpr usize at_once = 16; // sockets in a record
constexpr u64 ns_per_tick = clocks::ns_per_second / 100;
constexpr u64 us_per_tick = 10'000;

u32 as_read(const u8* bytes) { // as this machine reads them
    u32 v;
    std::memcpy(&v, bytes, sizeof v);
    return v;
}
void print_endpoint(Writer& out, const Endpoint& e, bool v6) {
    const u8* bytes = e.address.bytes.data();
    if (v6)
        print(out, "{:08X}{:08X}{:08X}{:08X}", as_read(bytes), as_read(bytes + 4), as_read(bytes + 8),
              as_read(bytes + 12));
    else
        print(out, "{:08X}", e.address.is_v4() ? as_read(bytes + 12) : 0);
    print(out, ":{:04X}", e.port);
}

/// What comes behind a connection's inode.
void print_connection(Writer& out, const FlowShown& f) {
    if (f.state == 6) return print(out, " 3 {:016x}", 0);
    const tcp_info& i = f.info;
    bool slow_start = i.tcpi_snd_ssthresh >= 0x7fff'ffff;
    print(out, " 1 {:016x} {} {} {} {} {}", 0, f.state == 10 ? 100 : i.tcpi_rto / us_per_tick, i.tcpi_ato / us_per_tick,
          0, f.state == 10 ? 10 : i.tcpi_snd_cwnd,
          f.state == 10 ? 0
          : slow_start  ? -1
                        : static_cast<i64>(i.tcpi_snd_ssthresh));
}

template <u8 protocol, bool v6>
void print_flow(Writer& out, const Context& c, u64 number, const FlowShown& f) {
    constexpr bool tcp = protocol == IPPROTO_TCP;
    tcp || (protocol == IPPROTO_RAW && !v6) ? print(out, "{:4}: ", number) : print(out, "{:5}: ", number);
    print_endpoint(out, f.local, v6);
    out.write(" ");
    print_endpoint(out, f.remote, v6);
    print(out, " {:02X} {:08X}:{:08X} {:02X}:{:08X} {:08X} {:5} {:8} {}", f.state, f.state == 10 ? 0 : f.send_queue,
          f.receive_queue, f.timer, f.timer_left_ns / ns_per_tick, f.retransmissions,
          reader_view(c).users->shown(f.owner), f.probes, f.inode);
    if (tcp)
        print_connection(out, f);
    else
        print(out, " 2 {:016x} {}", 0, 0);
}

template <u8 protocol, bool v6>
constexpr std::string_view heading() {
    if (protocol == IPPROTO_TCP)
        return v6 ? "  sl  local_address                         remote_address                        st tx_queue "
                    "rx_queue "
                    "tr tm->when retrnsmt   uid  timeout inode"
                  : "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    if (v6)
        return "  sl  local_address                         remote_address                        st tx_queue rx_queue "
               "tr "
               "tm->when retrnsmt   uid  timeout inode ref pointer drops";
    return protocol == IPPROTO_RAW
               ? "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref "
                 "pointer drops"
               : "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode "
                 "ref "
                 "pointer drops";
}
template <u8 protocol, bool v6>
constexpr usize width = v6                        ? 0
                        : protocol == IPPROTO_TCP ? 149
                        : protocol == IPPROTO_UDP ? 127
                                                  : 0;

/// Position in a pass over flows, and how many have been printed: `at` of a record.
struct Position {
    u64 place, number;
    explicit Position(u64 at) : place{(at >> 40) << 32 | (at >> 20 & 0xf'ffff)}, number{at & 0xf'ffff} {}
    u64 value() const { return (place >> 32) << 40 | (place & 0xf'ffff) << 20 | (number & 0xf'ffff); }
};
} // namespace

template <u8 protocol, bool v6>
Result<bool> print_flows(Writer& out, const Context& c, u64& at) {
    Stack& stack = *TRY(stack_of(c));
    if (at == 0) {
        PaddedLine{out, width<protocol, v6>}.write(heading<protocol, v6>());
        at = 1;
        return true;
    }
    Position p{at - 1};
    Ref<Flow> some[at_once];
    usize n = Flows::some(stack, protocol, p.place, some);
    for (usize i = 0; i < n; i++) {
        if (some[i]->v6 != v6) continue;
        FlowShown shown;
        some[i]->show(shown);
        PaddedLine line{out, width<protocol, v6>};
        print_flow<protocol, v6>(line, c, p.number++, shown);
    }
    at = p.value() + 1;
    return n == at_once;
}
template Result<bool> print_flows<IPPROTO_TCP, false>(Writer&, const Context&, u64&);
template Result<bool> print_flows<IPPROTO_TCP, true>(Writer&, const Context&, u64&);
template Result<bool> print_flows<IPPROTO_UDP, false>(Writer&, const Context&, u64&);
template Result<bool> print_flows<IPPROTO_UDP, true>(Writer&, const Context&, u64&);
template Result<bool> print_flows<IPPROTO_RAW, false>(Writer&, const Context&, u64&);
template Result<bool> print_flows<IPPROTO_RAW, true>(Writer&, const Context&, u64&);

FlowCount count_flows(Stack& stack, u8 protocol) {
    FlowCount count;
    Ref<Flow> some[at_once];
    for (u64 at = 0; usize n = Flows::some(stack, protocol, at, some);)
        for (usize i = 0; i < n; i++) {
            FlowShown shown;
            some[i]->show(shown);
            if (shown.state == 6)
                count.time_wait++;
            else if (shown.inode || protocol != IPPROTO_TCP)
                (some[i]->v6 ? count.v6 : count.v4)++;
            else
                count.closed++;
            count.established += shown.state == 1 || shown.state == 8;
        }
    return count;
}

namespace {
void print_name(Writer& out, const sockets::Address& a) {
    std::string_view path{reinterpret_cast<const char*>(a.bytes) + 2, a.size - 2};
    bool abstract = path.starts_with('\0');
    if (!abstract) path = path.substr(0, path.find('\0'));
    out.write(" ");
    for (char ch : path) print(out, "{}", ch ? ch : '@');
}
/// SS_*: what a socket was to its first interface.
unsigned state_of(const unix_sockets::Endpoint& e, bool has_file) {
    bool connected = e.state.load() == unix_sockets::State::connected && e.connection_based();
    return has_file ? (connected ? 3 : 1) : connected ? 2 : 4;
}
} // namespace

Result<bool> print_unix_sockets(Writer& out, const Context& c, u64& at) {
    if (at == 0) {
        out.write("Num       RefCount Protocol Flags    Type St Inode Path\n");
        at = 1;
        return true;
    }
    Ref<unix_sockets::Endpoint> some[at_once];
    u64 place = at - 1;
    usize n = unix_sockets::Endpoint::some(*c.process->view().network, place, some);
    for (usize i = 0; i < n; i++) {
        auto& e = *some[i];
        u64 inode = e.inode.load(std::memory_order_relaxed);
        bool listens = e.state.load() == unix_sockets::State::listening;
        // Instead of where it lies in memory a number that is as much its own.
        print(out, "{:016x}: {:08X} {:08X} {:08X} {:04X} {:02X} {:5}", inode, e.get_peer() ? 3 : 2, 0,
              listens ? 1 << 16 : 0, e.type, state_of(e, inode), inode);
        if (auto name = e.get_name()) print_name(out, name->address);
        out.write("\n");
    }
    at = place + 1;
    return n == at_once;
}
} // namespace proc
