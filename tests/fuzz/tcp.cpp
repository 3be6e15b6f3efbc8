// libFuzzer: any sequence of segments, user's calls and time against a connection and a listener: numbers stay in their
// bounds, every call ends, and what is held is bounded.
#include "net/inet/tcp/listener.h"
#include "net/inet/tcp/time_wait.h"
#include <algorithm>

using namespace net;
using namespace net::tcp;

namespace {
class Input {
public:
    Input(const unsigned char* data, usize size) : rest_{data, size} {}
    u8 byte() {
        if (rest_.empty()) return 0;
        u8 b = rest_[0];
        rest_ = rest_.subspan(1);
        return b;
    }
    u32 word() { return u32{byte()} << 8 | byte(); }
    bool empty() const { return rest_.empty(); }

private:
    std::span<const unsigned char> rest_;
};

const Endpoint here{Address::v4(10, 0, 0, 1), 80}, there{Address::v4(10, 0, 0, 2), 4000};

Piece piece(u32 n) {
    auto f = mm::allocate_frame(FrameUse::kernel);
    if (!f) __builtin_trap();
    return Piece{std::move(*f), 0, n};
}

/// Numbers near those that the connection expects, as somebody would choose who has seen its packets.
Segment segment(Input& in, Seq seq, Seq acked, u32 ts) {
    Segment s;
    s.source_port = there.port, s.destination_port = here.port;
    u8 how = in.byte();
    s.flags = in.byte() & 0x3f;
    if (how & 1) s.flags = ack;
    s.seq = seq + ((how & 2) ? in.word() * (how >> 6) - 500 : 0);
    s.ack = acked + ((how & 4) ? in.word() * 8 : 0) - ((how & 8) ? in.word() : 0);
    s.window = static_cast<u16>(how & 16 ? in.word() : 60000);
    s.urgent = static_cast<u16>(s.flags & urg ? in.byte() : 0);
    u8 options = in.byte();
    s.options.has_timestamps = options & 1;
    s.options.ts_value = ts + ((options & 2) ? in.word() : 0);
    s.options.ts_echo = ts;
    s.options.has_scale = s.options.sack_permitted = options & 4;
    s.options.scale = options >> 5;
    s.options.mss = static_cast<u16>(s.flags & syn ? in.word() : 0);
    for (unsigned i = 0; i < (options >> 3 & 3u); i++) {
        Seq begin = acked + in.word() * 4;
        s.options.blocks[s.options.block_count++] = {begin, begin + in.word()};
    }
    auto p = Packet::create();
    if (!p) __builtin_trap();
    s.data = std::move(*p);
    if (u32 n = how & 32 ? in.word() % 3000 : 0) (void)s.data->append(piece(n));
    return s;
}

void check(Connection& c, Time now) {
    for (unsigned i = 0;; i++) {
        if (i > 5000) __builtin_trap(); // it never stops sending
        auto p = c.next_segment(now, {});
        if (!p) break;
        if ((*p)->size() > 1480) __builtin_trap();
    }
    if (!c.dead() && c.state() != State::time_wait && c.window().cwnd == 0) __builtin_trap();
    (void)c.poll();
}

/// What the user and time do.
void act(Input& in, Connection& c, Time& now) {
    switch (in.byte() % 10) {
    case 0: (void)c.send(piece(1 + in.word() % page_size), in.byte() & 1, in.byte() & 1); break;
    case 1:
        if (auto p = c.receive()) c.consumed(static_cast<u32>(p->size()), now);
        break;
    case 2: c.shutdown_write(now); break;
    case 3:
        if (in.byte() % 4 == 0) c.close(now);
        break;
    case 4: now += in.word() * ms; break;
    case 5: c.path_mtu(in.word(), c.send_next() - 1); break;
    case 6: c.tuning.cork = in.byte() & 1; break;
    case 7: c.unreachable(Errno::hostunreach, in.byte() & 1, c.send_next() - 1); break;
    default:
        if (c.deadline() != net::tcp::never) now = std::max(now, c.deadline());
        break;
    }
    for (unsigned i = 0; c.deadline() <= now; i++) {
        if (i > 5000) __builtin_trap(); // a deadline that does not move
        c.timer(now);
        check(c, now);
    }
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    Input in{data, size};
    Time now = 1000 * second;
    Tuning tuning;
    u8 how = in.byte();
    tuning.sack = how & 1, tuning.timestamps = how & 2, tuning.nodelay = how & 4;
    if (how & 8) tuning.congestion = &reno;
    Identity id{here, there, Seq{how & 16 ? 0xffffff00u : 1000u}, 0, 1500, nullptr};
    SequenceKeys keys{1, 2};
    Listener listener{keys, SipHash{3, 4}};
    listener.backlog = 2;
    auto c = std::make_unique<Connection>(id, tuning);
    c->connect(now);
    check(*c, now);
    Seq peer{how & 32 ? 0xfffffff0u : 7000u};
    if (how & 64) { // through the handshake at once
        Segment s;
        s.flags = syn | ack, s.seq = peer, s.ack = id.iss + 1, s.window = 60000;
        s.options.mss = 1460, s.options.sack_permitted = s.options.has_timestamps = true;
        s.data = std::move(*Packet::create());
        c->segment(std::move(s), now);
        check(*c, now);
    }
    while (!in.empty()) {
        u32 ts = static_cast<u32>(now / ms);
        if (in.byte() & 1) {
            Seq next = c->state() == State::syn_sent ? peer : c->receive_next();
            Segment s = segment(in, next, c->state() == State::syn_sent ? id.iss + 1 : c->send_next() - in.byte(), ts);
            auto answer = listener.segment(s, here, there, 1500, false, now);
            listener.timer(now, [](const Header&, const Endpoint&, const Endpoint&) {});
            if (answer.what == Listener::Answer::establish) {
                c = std::make_unique<Connection>(answer.accepted.identity, tuning);
                c->accept(answer.accepted, now);
            }
            if (c->state() == State::time_wait) {
                TimeWait ended{*c, now};
                (void)ended.segment(s, now);
            }
            c->segment(std::move(s), now);
        } else {
            act(in, *c, now);
        }
        check(*c, now);
        if (listener.half_open() > 2) __builtin_trap();
    }
    return 0;
}
