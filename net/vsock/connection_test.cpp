#include "net/vsock/connection.h"
#include <deque>
#include <gtest/gtest.h>
#include <vector>

namespace vsock {
namespace {
struct End : Connection::Output {
    explicit End(u32 buffer = 1000, WireType type = wire_stream) : c{type, buffer} {}
    void send(const Header& h) override { out.push_back(h); }
    Connection c;
    std::deque<Header> out;
};
/// Lets all that one has sent come to the other; what it made of it.
u8 pass(End& from, End& to) {
    u8 events = 0;
    while (!from.out.empty()) {
        events |= to.c.received(from.out.front(), to);
        from.out.pop_front();
    }
    return events;
}
Header only(End& e) {
    EXPECT_EQ(e.out.size(), 1u);
    Header h = e.out.back();
    e.out.clear();
    return h;
}
void connect(End& a, End& b) {
    a.c.ask(a);
    b.c.accept(only(a), b);
    EXPECT_EQ(pass(b, a), Connection::established | Connection::room);
    EXPECT_EQ(a.c.state(), Connection::State::connected);
}
} // namespace

TEST(Vsock, CreditBoundsWhatIsSent) {
    End a, b{600};
    connect(a, b);
    EXPECT_EQ(a.c.credit(), 600u);
    EXPECT_EQ(b.c.credit(), 1000u);
    EXPECT_EQ(b.c.received(a.c.data_header(400, 0), b), Connection::data | Connection::room);
    EXPECT_EQ(b.c.received(a.c.data_header(200, 0), b), Connection::data | Connection::room);
    EXPECT_EQ(a.c.credit(), 0u);
    a.c.want_credit(a);
    a.c.want_credit(a); // once
    EXPECT_EQ(only(a).operation, op_credit_request);
    b.c.consumed(300, b); // half is free again: it is told
    EXPECT_EQ(pass(b, a), Connection::room);
    EXPECT_EQ(a.c.credit(), 300u);
    b.c.consumed(300, b);
    Header h = a.c.data_header(1, 0);
    EXPECT_EQ(b.c.received(h, b), Connection::data | Connection::room);
    EXPECT_EQ(b.c.unread(), 1u);
    b.c.set_buffer(5000, b);
    pass(b, a);
    EXPECT_EQ(a.c.credit(), 4999u);
}

TEST(Vsock, CountersWrap) {
    End a{1 << 20}, b{1 << 20};
    connect(a, b);
    for (unsigned n = 0; n < 5000; n++) {
        u32 length = std::min(a.c.credit(), 1u << 20);
        ASSERT_EQ(length, 1u << 20);
        ASSERT_EQ(b.c.received(a.c.data_header(length, 0), b), Connection::data | Connection::room);
        b.c.consumed(length, b);
        pass(b, a);
    }
}

TEST(Vsock, ShutdownAndReset) {
    End a, b;
    connect(a, b);
    a.c.shut_down(no_more_sends, a);
    a.c.shut_down(no_more_sends, a);
    EXPECT_EQ(a.out.size(), 1u);
    EXPECT_EQ(pass(a, b), Connection::ended);
    EXPECT_EQ(b.c.peer_shutdown(), no_more_sends);
    EXPECT_EQ(a.c.received(b.c.data_header(5, 0), a), Connection::data | Connection::room);
    a.c.shut_down(no_more_receives, a);
    EXPECT_EQ(pass(a, b), Connection::ended | Connection::was_reset);
    EXPECT_EQ(pass(b, a), Connection::was_reset);
    EXPECT_EQ(a.c.state(), Connection::State::reset);
    EXPECT_TRUE(a.out.empty());
    Header refusal, request;
    request.source_port = 7, request.operation = op_request;
    ASSERT_TRUE(Connection::refuse(request, refusal));
    EXPECT_EQ(refusal.destination_port, 7u);
    EXPECT_FALSE(Connection::refuse(refusal, request));
}

/// Each ends the connection, and changes nothing else.
TEST(Vsock, LiesEndTheConnection) {
    auto lie = [](auto change) {
        End a, b;
        connect(a, b);
        (void)b.c.received(a.c.data_header(100, 0), b);
        Header h = b.c.data_header(10, 0);
        change(h);
        EXPECT_EQ(a.c.received(h, a), Connection::was_reset);
        EXPECT_EQ(a.c.state(), Connection::State::reset);
        EXPECT_EQ(a.c.unread(), 0u);
        EXPECT_EQ(a.c.received(h, a), 0);
    };
    lie([](Header& h) { h.length = 1001; });
    lie([](Header& h) { h.length = ~0u; });
    lie([](Header& h) { h.forwarded = 101; });
    lie([](Header& h) { h.forwarded = ~0u; });
    lie([](Header& h) { h.type = wire_seqpacket; });
    lie([](Header& h) { h.operation = 0; });
    lie([](Header& h) { h.operation = 99; });
    lie([](Header& h) { h.operation = op_request; });
    lie([](Header& h) { h.operation = op_response; });
    End a;
    a.c.ask(a);
    Header early;
    early.type = wire_stream, early.operation = op_data;
    EXPECT_EQ(a.c.received(early, a), Connection::was_reset);
    End b, c;
    connect(b, c);
    b.c.shut_down(no_more_sends, b);
    pass(b, c);
    EXPECT_EQ(c.c.received(b.c.data_header(1, 0), c), Connection::was_reset);
}
} // namespace vsock
