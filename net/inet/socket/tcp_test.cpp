// TCP over a device that is slower than its sender.
#include "cable.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/tcp_socket.h"

namespace {
using namespace net;
using namespace net::inet;
using namespace sockets;

class TcpCable : public inet::test::Cable {
protected:
    static Ref<TcpSocket> socket(inet::test::Machine& m) {
        auto e = *make_ref<TcpEndpoint>(false, Maker{m.network, *m.stack, View::root().cgroup});
        e->tuning.receive_limit = e->tuning.receive_most = e->tuning.send_limit = e->tuning.send_most = 16 * MiB;
        ends.push_back(e.get());
        return *make_ref<TcpSocket>(e, *make_inode());
    }
    /// Sends what there is room for, and reads what has come.
    void send(Socket& from, usize n) {
        std::string text(n, 'x');
        Source source{std::as_bytes(std::span{text})};
        SendMessage m{.data = source, .flags = msg_dontwait};
        EXPECT_EQ(*from.send(m), n);
    }
    void read(Socket& from) {
        static std::string bytes(1 << 20, 0);
        for (;;) {
            Sink to{std::as_writable_bytes(std::span{bytes})};
            ReceiveMessage m{.data = to, .flags = msg_dontwait};
            auto n = from.receive(m);
            if (!n || !*n) return;
            got += *n;
        }
    }
    /// Until so much has been read; the worker sends, too.
    bool all_comes(Socket& to, usize n) {
        for (unsigned tries = 0; got < n && tries < 20'000; tries++) {
            run();
            read(to);
            sched::yield();
        }
        return got == n;
    }
    static inline std::vector<TcpEndpoint*> ends;
    usize got = 0;
};
} // namespace

TEST_F(TcpCable, WhatTheDeviceDoesNotTakeStaysInTheSendBuffer) {
    auto listener = socket(b), client = socket(a);
    ASSERT_TRUE(listener->bind(name(at_b)) && listener->listen(1));
    EXPECT_EQ(client->connect(name(at_b), at_once).error(), Errno::inprogress);
    run();
    auto server = listener->accept();
    ASSERT_TRUE(server);
    usize sent = 0;
    for (; sent < 12 << 20; sent += 600'000) { // so that the window is large
        send(*client, 600'000);
        ASSERT_TRUE(all_comes(**server, sent + 600'000)) << got;
    }
    TcpEndpoint& end = *ends.back();
    EXPECT_GT(end.connection->window().cwnd, 600'000u);
    EXPECT_EQ(end.unsent_bytes(), 0u);
    a.device.full = true;
    send(*client, 1 << 20);
    sent += 1 << 20;
    EXPECT_GE(end.unsent_bytes(), 256u * KiB);
    EXPECT_LT(end.unsent_bytes(), 320u * KiB);
    EXPECT_GT(end.connection->unsent_bytes(), 600'000u);
    a.device.full = false;
    a.device.user->has_room();
    EXPECT_TRUE(all_comes(**server, sent)) << got << " of " << sent;
    EXPECT_EQ(a.eth->counters.dropped_out.load(), 0u);
}
