// TCP's and UDP's sockets, as ss(8) asks for them.
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/listing.h"
#include "net/netlink/diag.h"
#include <bit>
#include <linux/in.h>
#include <linux/inet_diag.h>

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
constexpr usize at_once = 16;
constexpr u64 ns_per_ms = 1'000'000;

bool asks(const inet_diag_req_v2& q, int extension) { return q.idiag_ext >> (extension - 1) & 1; }

void put_endpoint(const Endpoint& e, bool v6, __be16& port, __be32 (&address)[4]) {
    port = std::byteswap(e.port);
    if (v6)
        std::memcpy(address, e.address.bytes.data(), 16);
    else if (e.address.is_v4())
        std::memcpy(address, e.address.bytes.data() + 12, 4);
}
constexpr u8 time_wait = 6, closed = 7, listening = 10; // TCP_*

/// struct inet_diag_msg and what belongs to it.
void put_flow(MessageWriter& out, const inet_diag_req_v2& q, const Flow& flow, const FlowShown& f) {
    inet_diag_msg m{};
    m.idiag_family = static_cast<u8>(flow.v6 ? sockets::af_inet6 : sockets::af_inet);
    m.idiag_state = f.state;
    m.idiag_timer = f.timer;
    m.idiag_retrans = f.timer == 2 ? f.probes : f.retransmissions;
    put_endpoint(f.local, flow.v6, m.id.idiag_sport, m.id.idiag_src);
    put_endpoint(f.remote, flow.v6, m.id.idiag_dport, m.id.idiag_dst);
    m.id.idiag_if = f.interface;
    u64 cookie = f.inode;
    m.id.idiag_cookie[0] = static_cast<u32>(cookie), m.id.idiag_cookie[1] = static_cast<u32>(cookie >> 32);
    m.idiag_expires = static_cast<u32>(f.timer_left_ns / ns_per_ms);
    m.idiag_rqueue = f.receive_queue;
    m.idiag_wqueue = f.send_queue;
    m.idiag_inode = static_cast<u32>(f.inode);
    Caller* who = Caller::current();
    m.idiag_uid = who ? who->view().users->shown(f.owner) : static_cast<u32>(f.owner);
    out.put(m);
    if (f.state == time_wait) return;
    out.attribute(INET_DIAG_SHUTDOWN, u8{0});
    if (flow.v6 && (f.state == listening || f.state == closed)) out.attribute(INET_DIAG_SKV6ONLY, u8{f.v6_only});
    if (f.mark && (!who || who->credentials().can(12))) out.attribute(INET_DIAG_MARK, f.mark); // CAP_NET_ADMIN
    if (asks(q, INET_DIAG_MEMINFO))
        out.attribute(INET_DIAG_MEMINFO, inet_diag_meminfo{f.receive_queue, f.send_queue, 0, f.send_queue});
    if (asks(q, INET_DIAG_SKMEMINFO)) {
        u32 memory[SK_MEMINFO_VARS] = {f.state == listening ? 0 : f.receive_queue, f.receive_buffer, 0, f.send_buffer};
        out.attribute(INET_DIAG_SKMEMINFO, memory);
    }
    if (flow.protocol() != IPPROTO_TCP) return;
    if (asks(q, INET_DIAG_INFO)) out.attribute(INET_DIAG_INFO, f.info);
    if (asks(q, INET_DIAG_CONG) && f.state != listening) out.text(INET_DIAG_CONG, f.congestion);
}

bool wanted(const inet_diag_req_v2& q, const Flow& flow, const FlowShown& f) {
    return flow.v6 == (q.sdiag_family == sockets::af_inet6) && q.idiag_states >> f.state & 1 &&
           (!q.id.idiag_sport || q.id.idiag_sport == std::byteswap(f.local.port)) &&
           (!q.id.idiag_dport || q.id.idiag_dport == std::byteswap(f.remote.port));
}

/// `at` is where some begin, of which `inner` have been written.
Result<bool> list_flows(Dump& d, MessageWriter& out) {
    Stack& stack = *TRY(Stack::in(*d.to.network));
    auto q = d.fixed<inet_diag_req_v2>();
    while (true) {
        Ref<Flow> some[at_once];
        u64 next = d.at;
        usize n = Flows::some(stack, q.sdiag_protocol, next, some);
        for (; d.inner < n; d.inner++) {
            Flow& flow = *some[d.inner];
            FlowShown shown;
            flow.show(shown);
            if (!wanted(q, flow, shown)) continue;
            out.begin(SOCK_DIAG_BY_FAMILY, d.flags, d.sequence, d.port);
            put_flow(out, q, flow, shown);
            if (!out.end()) return false;
        }
        if (n < at_once) return true;
        d.at = next;
        d.inner = 0;
    }
}

Endpoint endpoint_in(__be16 port, const __be32 (&address)[4], bool v6) {
    Endpoint e{{}, std::byteswap(port)};
    if (v6)
        std::memcpy(e.address.bytes.data(), address, 16);
    else
        e.address = Address::v4(std::byteswap(address[0]));
    return e;
}
Result<> find_flow(Request& r, Stack& stack, const inet_diag_req_v2& q) {
    bool v6 = q.sdiag_family == sockets::af_inet6;
    Endpoint local = endpoint_in(q.id.idiag_sport, q.id.idiag_src, v6),
             remote = endpoint_in(q.id.idiag_dport, q.id.idiag_dst, v6);
    auto flow = Flows::find(stack, q.sdiag_protocol, local, remote, q.id.idiag_if);
    if (!flow) flow = Flows::find_receiver(stack, q.sdiag_protocol, local, remote, q.id.idiag_if);
    if (!flow) return err::noent;
    FlowShown shown;
    flow->show(shown);
    u64 cookie = q.id.idiag_cookie[0] | u64{q.id.idiag_cookie[1]} << 32;
    if (cookie != ~u64{0} && cookie != shown.inode) return err::stale;
    return r.from.reply(r, SOCK_DIAG_BY_FAMILY, [&](MessageWriter& out) { put_flow(out, q, *flow, shown); });
}
} // namespace

Result<> take_inet(Request& r) {
    auto q = TRY(r.fixed<inet_diag_req_v2>());
    if (q.sdiag_protocol != IPPROTO_TCP && q.sdiag_protocol != IPPROTO_UDP) return err::noent;
    if (r.header.nlmsg_flags & NLM_F_DUMP) return r.from.start(r, list_flows);
    return find_flow(r, *TRY(Stack::in(*r.from.network)), q);
}
} // namespace netlink
