// Unix sockets, as ss(8) asks for them.
#include "kernel/socket/numbers.h"
#include "net/netlink/diag.h"
#include "net/unix/names.h"
#include <linux/tcp.h>
#include <linux/unix_diag.h>

namespace netlink {
using unix_sockets::Endpoint;

namespace {
constexpr usize at_once = 16;
constexpr u8 established = 1, closed = 7, listening = 10; // TCP_*

u8 state_of(const Endpoint& e) {
    switch (e.state.load(std::memory_order_relaxed)) {
    case unix_sockets::State::listening: return listening;
    case unix_sockets::State::connected: return established;
    case unix_sockets::State::unconnected: return closed;
    }
}

void put_endpoint(MessageWriter& out, const unix_diag_req& q, Endpoint& e) {
    u8 state = state_of(e);
    u64 inode = e.inode.load(std::memory_order_relaxed);
    out.put(unix_diag_msg{static_cast<u8>(sockets::af_unix),
                          e.type,
                          state,
                          0,
                          static_cast<u32>(inode),
                          {static_cast<u32>(inode), static_cast<u32>(inode >> 32)}});
    if (auto name = e.get_name(); name && q.udiag_show & UDIAG_SHOW_NAME)
        out.attribute(UNIX_DIAG_NAME, name->address.view().subspan(2));
    if (auto peer = e.get_peer(); peer && q.udiag_show & UDIAG_SHOW_PEER)
        out.attribute(UNIX_DIAG_PEER, static_cast<u32>(peer->inode.load(std::memory_order_relaxed)));
    if (q.udiag_show & UDIAG_SHOW_RQLEN) {
        u32 receive = static_cast<u32>(state == listening ? e.queued.load() : e.queued_bytes.load());
        out.attribute(UNIX_DIAG_RQLEN, unix_diag_rqlen{receive, state == listening ? e.most_queued.load()
                                                                                   : static_cast<u32>(e.sent.load())});
    }
    if (q.udiag_show & UDIAG_SHOW_MEMINFO) {
        u32 memory[SK_MEMINFO_VARS] = {static_cast<u32>(e.queued_bytes.load()), e.options.receive_buffer.load(),
                                       static_cast<u32>(e.sent.load()), e.options.send_buffer.load()};
        out.attribute(UNIX_DIAG_MEMINFO, memory);
    }
    out.attribute(UNIX_DIAG_SHUTDOWN, e.shut.load());
}

/// `at` is where some begin, of which `inner` have been written.
Result<bool> list_endpoints(Dump& d, MessageWriter& out) {
    auto q = d.fixed<unix_diag_req>();
    while (true) {
        Ref<Endpoint> some[at_once];
        u64 next = d.at;
        usize n = Endpoint::some(*d.to.network, next, some);
        for (; d.inner < n; d.inner++) {
            Endpoint& e = *some[d.inner];
            if (!(q.udiag_states >> state_of(e) & 1) || (q.udiag_ino && q.udiag_ino != e.inode)) continue;
            out.begin(SOCK_DIAG_BY_FAMILY, d.flags, d.sequence, d.port);
            put_endpoint(out, q, e);
            if (!out.end()) return false;
        }
        if (n < at_once) return true;
        d.at = next;
        d.inner = 0;
    }
}

Result<> find_endpoint(Request& r, const unix_diag_req& q) {
    if (!q.udiag_ino) return err::inval;
    Ref<Endpoint> some[at_once];
    for (u64 at = 0;;) {
        usize n = Endpoint::some(*r.from.network, at, some);
        for (usize i = 0; i < n; i++)
            if (some[i]->inode == q.udiag_ino)
                return r.from.reply(r, SOCK_DIAG_BY_FAMILY,
                                    [&](MessageWriter& out) { put_endpoint(out, q, *some[i]); });
        if (n < at_once) return err::noent;
    }
}
} // namespace

Result<> take_unix(Request& r) {
    auto q = TRY(r.fixed<unix_diag_req>());
    return r.header.nlmsg_flags & NLM_F_DUMP ? r.from.start(r, list_endpoints) : find_endpoint(r, q);
}
} // namespace netlink
