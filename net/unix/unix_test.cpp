#include "core/ktest/threads.h"
#include "files.h"
#include "kernel/file/block_on.h"
#include "kernel/socket/numbers.h"
#include "net/unix/collector.h"
#include "net/unix/socket.h"
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {
using namespace sockets;
using ktest::run_threads;
using unix_sockets::UnixSocket;

struct Pair {
    Ref<Socket> ends[2];
    Socket& operator[](int i) { return *ends[i]; }
    void close() { ends[0] = {}, ends[1] = {}; }
};

Result<usize> put(Socket& to, std::string_view text, Box<Rights> rights = {}, u32 flags = msg_dontwait) {
    Source from{std::as_bytes(std::span{text})};
    SendMessage m{.data = from, .flags = flags, .rights = std::move(rights)};
    return send(to, m);
}
struct Got {
    Result<usize> n = err::again;
    std::string text;
    Box<Rights> rights;
};
/// By one attempt of the socket's own, so that the rights stay here.
Got get(Socket& from, usize most = 4096, u32 flags = msg_dontwait) {
    Got got;
    std::string bytes(most, 0);
    Sink to{std::as_writable_bytes(std::span{bytes})};
    ReceiveMessage m{.data = to, .flags = flags};
    got.n = from.receive(m);
    if (got.n) got.text = bytes.substr(0, *got.n);
    got.rights = std::move(m.rights);
    return got;
}
Box<Rights> files(std::initializer_list<Ref<File>> list) {
    Vector<Ref<File>> all;
    for (auto& file : list) EXPECT_TRUE(all.push(file));
    return *Rights::create(std::move(all), {});
}
unix_sockets::Endpoint& endpoint(Socket& s) { return static_cast<UnixSocket&>(s).endpoint(); }

class UnixTest : public testing::Test {
protected:
    static void SetUpTestSuite() { ASSERT_TRUE(host::files_ready() && host::view_ready()); }
    Pair make(int type) {
        Pair p;
        EXPECT_TRUE(unix_sockets::family.create_pair(type, 0, p.ends));
        return p;
    }
    i64 open_files() { return File::count.sum(); }
};
} // namespace

TEST_F(UnixTest, StreamJoinsWhatMessagesKeepApart) {
    for (int type : {sock_stream, sock_dgram, sock_seqpacket}) {
        Pair p = make(type);
        EXPECT_EQ(*put(p[0], "abc"), 3u);
        EXPECT_EQ(*put(p[0], "defg"), 4u);
        EXPECT_EQ(get(p[1], 100, msg_peek).text, type == sock_stream ? "abcdefg" : "abc");
        EXPECT_EQ(get(p[1], 2).text, "ab");
        EXPECT_EQ(get(p[1]).text, type == sock_stream ? "cdefg" : "defg");
        EXPECT_EQ(endpoint(p[0]).sent, 0u);
        EXPECT_EQ(endpoint(p[1]).queued_bytes, 0u);
    }
}

TEST_F(UnixTest, LongMessagesLieInPages) {
    Pair p = make(sock_seqpacket);
    std::string text;
    for (unsigned n : {1u, 1900u, 2000u, 4096u, 4097u, 100'000u}) {
        text.clear();
        for (unsigned i = 0; i < n; i++) text += static_cast<char>('a' + i * i % 23);
        EXPECT_EQ(*put(p[0], text), n);
        EXPECT_GE(endpoint(p[0]).sent, n);
        EXPECT_EQ(get(p[1], 200'000).text, text);
    }
    EXPECT_EQ(endpoint(p[0]).sent, 0u);
}

TEST_F(UnixTest, SendBufferHoldsWritersBack) {
    Pair p = make(sock_stream);
    std::string page(4096, 'x');
    usize sent = 0;
    while (auto n = put(p[0], page)) sent += *n;
    EXPECT_GT(sent, 100'000u);
    EXPECT_LT(sent, 300'000u);
    EXPECT_FALSE(p[0].poll() & EPOLLOUT);
    while (sent) sent -= get(p[1], 10'000).text.size();
    EXPECT_TRUE(p[0].poll() & EPOLLOUT);
    EXPECT_EQ(endpoint(p[0]).sent, 0u);
}

TEST_F(UnixTest, EachMessageArrivesOnce) {
    constexpr unsigned writers = 2, readers = 2, each = 3000;
    struct Record {
        u32 writer, number;
    };
    for (int type : {sock_stream, sock_dgram, sock_seqpacket}) {
        Pair p = make(type);
        std::vector<std::atomic<u8>> seen(writers * each);
        std::atomic<unsigned> left = writers * each;
        EXPECT_TRUE(run_threads(writers + readers, [&](unsigned n) {
            if (n < writers) {
                for (u32 i = 0; i < each; i++) {
                    Record r{n, i};
                    Source from{std::as_bytes(std::span{&r, 1})};
                    SendMessage m{.data = from};
                    ASSERT_TRUE(send(p[0], m));
                }
                return;
            }
            while (left.load()) {
                Record r;
                Sink to{std::as_writable_bytes(std::span{&r, 1})};
                ReceiveMessage m{.data = to, .flags = msg_dontwait};
                auto got = receive(p[1], m);
                if (!got) {
                    sched::yield();
                    continue;
                }
                ASSERT_EQ(*got, sizeof r);
                EXPECT_EQ(seen[r.writer * each + r.number]++, 0);
                left--;
            }
        }));
        for (auto& s : seen) EXPECT_EQ(s, 1);
        EXPECT_EQ(endpoint(p[0]).sent, 0u);
    }
}

TEST_F(UnixTest, WritersWaitForReaders) {
    for (int type : {sock_stream, sock_seqpacket}) {
        Pair p = make(type);
        std::string text(3000, 'w');
        usize total = 0;
        EXPECT_TRUE(run_threads(2, [&](unsigned n) {
            if (n == 0) {
                for (int i = 0; i < 500; i++) ASSERT_EQ(*put(p[0], text, {}, 0), text.size());
                p.ends[0] = {};
                return;
            }
            std::string bytes(5000, 0);
            for (;;) {
                Sink to{std::as_writable_bytes(std::span{bytes})};
                ReceiveMessage m{.data = to};
                auto got = receive(p[1], m);
                ASSERT_TRUE(got);
                if (*got == 0) return;
                total += *got;
            }
        }));
        EXPECT_EQ(total, 500 * text.size());
    }
}

TEST_F(UnixTest, FilesArriveWithTheirBytes) {
    i64 before = open_files();
    {
        Pair p = make(sock_stream), sent = make(sock_dgram);
        EXPECT_TRUE(put(p[0], "a", files({sent.ends[0], sent.ends[1]})));
        EXPECT_EQ(unix_sockets::in_flight(), 2u);
        EXPECT_TRUE(put(p[0], "b"));
        auto seen = get(p[1], 10, msg_peek);
        EXPECT_EQ(seen.rights->files().size(), 2u);
        EXPECT_EQ(unix_sockets::in_flight(), 2u);
        sent.close();
        auto got = get(p[1]);
        EXPECT_EQ(got.text, "a");
        ASSERT_TRUE(got.rights);
        EXPECT_EQ(unix_sockets::in_flight(), 0u);
    }
    EXPECT_EQ(open_files(), before);
}

TEST_F(UnixTest, CollectsCircles) {
    i64 before = open_files();
    {
        Pair self = make(sock_stream);
        EXPECT_TRUE(put(self[0], "x", files({self.ends[0], self.ends[1]})));
        self.close();
        Pair a = make(sock_dgram), b = make(sock_seqpacket);
        EXPECT_TRUE(put(a[0], "x", files({b.ends[0], b.ends[1]})));
        EXPECT_TRUE(put(b[0], "x", files({a.ends[0], a.ends[1]})));
        EXPECT_EQ(unix_sockets::collect(), 2u); // the first alone: somebody has the others
        EXPECT_EQ(unix_sockets::in_flight(), 4u);
        b.close();
        EXPECT_EQ(unix_sockets::collect(), 0u);
        a.close();
        EXPECT_EQ(unix_sockets::collect(), 4u);
    }
    EXPECT_EQ(unix_sockets::in_flight(), 0u);
    EXPECT_EQ(open_files(), before);
}

TEST_F(UnixTest, LeavesWhatCanBeReached) {
    i64 before = open_files();
    {
        // kept[1] is open; in its queue lies inner, which holds itself.
        Pair kept = make(sock_stream), inner = make(sock_stream);
        EXPECT_TRUE(put(inner[0], "i", files({inner.ends[1]})));
        EXPECT_TRUE(put(kept[0], "k", files({inner.ends[1]})));
        inner.close();
        EXPECT_EQ(unix_sockets::collect(), 0u);
        auto got = get(kept[1]);
        ASSERT_TRUE(got.rights);
        Socket& found = **of(*got.rights->files()[0]);
        EXPECT_EQ(get(found).text, "i");
    }
    EXPECT_EQ(unix_sockets::collect(), 0u);
    EXPECT_EQ(open_files(), before);
}

TEST_F(UnixTest, DepthNeedsNoStack) {
    i64 before = open_files();
    Pair inner = make(sock_dgram);
    for (int i = 0; i < 20'000; i++) {
        Pair outer = make(sock_dgram);
        ASSERT_TRUE(put(outer[0], "x", files({inner.ends[0], inner.ends[1]})));
        inner = std::move(outer);
    }
    inner.close();
    EXPECT_EQ(open_files(), before);
    EXPECT_EQ(unix_sockets::in_flight(), 0u);
}

TEST_F(UnixTest, CollectingBesideTraffic) {
    i64 before = open_files();
    std::atomic<unsigned> running = 3;
    EXPECT_TRUE(run_threads(4, [&](unsigned n) {
        if (n == 3) {
            while (running.load()) {
                unix_sockets::collect();
                sched::yield();
            }
            return;
        }
        for (int i = 0; i < 300; i++) {
            Pair p = make(sock_stream), q = make(sock_stream);
            ASSERT_TRUE(put(p[0], "x", files({q.ends[0], p.ends[1]})));
            ASSERT_TRUE(put(q[0], "y", files({p.ends[0]})));
            if (i % 2) ASSERT_EQ(get(p[1]).text, "x"); // else it is for the collector
        }
        running--;
    }));
    unix_sockets::collect();
    EXPECT_EQ(unix_sockets::in_flight(), 0u);
    EXPECT_EQ(open_files(), before);
}
