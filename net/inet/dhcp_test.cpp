// A DHCP client in virtual time, with the test as its servers.
#include "net/inet/dhcp.h"
#include "packets.h"
#include <deque>

using namespace net;
using namespace net::inet;
using namespace net::inet::test;

namespace {
constexpr u64 second = DhcpClient::second;
const LinkAddress link_address{{2, 0, 0, 0, 0, 9}};
const Address lent = Address::v4(10, 0, 2, 15), server = Address::v4(10, 0, 2, 2), everybody = Address::v4(~u32{0});

std::string bytes_of(const Address& a) {
    std::string s;
    for (usize i = 12; i < 16; i++) s += static_cast<char>(a.bytes[i]);
    return s;
}
std::string bytes_of(u32 n) { return bytes_of(Address::v4(n)); }
std::string option(u8 code, std::string_view value) {
    return std::string{static_cast<char>(code), static_cast<char>(value.size())} + std::string{value};
}

/// What a client has sent, taken apart by hand.
struct Question {
    std::string bytes;
    Address from, to;
    std::string field(usize at, usize size) const { return bytes.substr(at, size); }
    std::string option(u8 code) const {
        for (usize at = 240; at + 1 < bytes.size() && static_cast<u8>(bytes[at]) != 255;
             at += 2u + static_cast<u8>(bytes[at + 1]))
            if (static_cast<u8>(bytes[at]) == code) return bytes.substr(at + 2, static_cast<u8>(bytes[at + 1]));
        return "none";
    }
    DhcpType type() const { return static_cast<DhcpType>(option(53)[0]); }
};

/// A server's answer. `options` stand before the end.
std::string answer(const Question& to, DhcpType type, const Address& yours, std::string options) {
    std::string m(240, 0);
    m[0] = 2;
    m.replace(1, 7, to.bytes, 1, 7);
    m.replace(16, 4, bytes_of(yours));
    m.replace(28, 16, to.bytes, 28, 16);
    m.replace(236, 4, to.bytes, 236, 4);
    m += option(53, std::string(1, static_cast<char>(type)));
    return m + std::move(options) + '\xff';
}
std::string good_options(u32 seconds = 3600) {
    return option(54, bytes_of(server)) + option(1, bytes_of(0xffffff00)) + option(3, bytes_of(server)) +
           option(6, bytes_of(Address::v4(10, 0, 2, 3)) + bytes_of(Address::v4(8, 8, 8, 8))) +
           option(51, bytes_of(seconds)) + option(15, "example.org") + option(26, std::string{"\5\x78", 2});
}

struct World final : DhcpClient::Output {
    void send(PacketBox p, const Address& from, const Address& to) override {
        sent.push_back({text_of(*p), from, to});
        at.push_back(now);
    }
    void bound(const DhcpLease& l) override {
        bounds++;
        lease = l;
    }
    void lost(const DhcpLease& l) override {
        losses++;
        EXPECT_EQ(l.address, lent);
    }
    Question take() {
        if (sent.empty()) {
            ADD_FAILURE() << "nothing was sent";
            return {std::string(300, 0), {}, {}};
        }
        auto q = sent.front();
        sent.pop_front();
        at.pop_front();
        return q;
    }
    void hear(std::string_view bytes) { client.received(*packet_of(bytes), now, *this); }
    /// Until something is sent, or nothing is left to wait for.
    void run_until_sent(u64 most = ~u64{0}) {
        usize before = sent.size();
        while (sent.size() == before && client.deadline() <= most && client.deadline() != ~u64{0}) {
            EXPECT_GE(client.deadline(), now);
            now = client.deadline();
            client.timer(now, *this);
        }
    }
    void bind(u32 seconds = 3600, std::string more = {}) {
        client.start(now, *this);
        hear(answer(take(), DhcpType::offer, lent, good_options(seconds)));
        hear(answer(take(), DhcpType::ack, lent, good_options(seconds) + more));
        EXPECT_EQ(bounds, 1u);
        EXPECT_TRUE(sent.empty());
    }
    u64 now = 1000 * second;
    std::deque<Question> sent;
    std::deque<u64> at;
    unsigned bounds = 0, losses = 0;
    DhcpLease lease;
    DhcpClient client{link_address, SipHash{3, 4}, "box"};
};
} // namespace

TEST(Dhcp, GetsALease) {
    World w;
    w.client.start(w.now, w);
    auto discover = w.take();
    EXPECT_EQ(discover.type(), DhcpType::discover);
    EXPECT_EQ(discover.from, any_v4);
    EXPECT_EQ(discover.to, everybody);
    EXPECT_GE(discover.bytes.size(), 300u);
    EXPECT_EQ(discover.field(0, 4), (std::string{1, 1, 6, 0}));
    EXPECT_EQ(discover.field(10, 2), (std::string{"\x80\0", 2})); // to everybody
    EXPECT_EQ(discover.field(28, 6), (std::string{2, 0, 0, 0, 0, 9}));
    EXPECT_EQ(discover.field(236, 4), "\x63\x82\x53\x63");
    EXPECT_EQ(discover.option(12), "box");
    EXPECT_EQ(discover.option(61), (std::string{1, 2, 0, 0, 0, 0, 9}));
    EXPECT_EQ(discover.option(50), "none");
    w.hear(answer(discover, DhcpType::offer, lent, good_options()));
    auto request = w.take();
    EXPECT_EQ(request.type(), DhcpType::request);
    EXPECT_EQ(request.field(4, 4), discover.field(4, 4));
    EXPECT_EQ(request.field(12, 4), std::string(4, 0));
    EXPECT_EQ(request.option(50), bytes_of(lent));
    EXPECT_EQ(request.option(54), bytes_of(server));
    EXPECT_EQ(request.to, everybody);
    EXPECT_FALSE(w.client.has_lease());
    w.hear(answer(request, DhcpType::ack, lent, good_options()));
    EXPECT_EQ(w.bounds, 1u);
    EXPECT_EQ(w.lease.address, lent);
    EXPECT_EQ(w.lease.prefix, 24);
    EXPECT_EQ(w.lease.router, server);
    EXPECT_EQ(w.lease.dns[0], Address::v4(10, 0, 2, 3));
    EXPECT_EQ(w.lease.dns[1], Address::v4(8, 8, 8, 8));
    EXPECT_EQ(w.lease.dns[2], any_v4);
    EXPECT_EQ(w.lease.domain.view(), "example.org");
    EXPECT_EQ(w.lease.mtu, 1400);
    EXPECT_EQ(w.client.deadline(), w.now + 1800 * second);
}

TEST(Dhcp, AsksAgainMoreAndMoreSeldom) {
    World w;
    w.client.start(w.now, w);
    for (unsigned i = 0; i < 9; i++) w.run_until_sent();
    for (unsigned i = 1; i < 10; i++) {
        u64 wait = w.at[i] - w.at[i - 1], middle = std::min(4u << (i - 1), 64u) * second;
        EXPECT_GE(wait, middle - second) << i;
        EXPECT_LE(wait, middle + second) << i;
        EXPECT_EQ(w.sent[i].type(), DhcpType::discover);
        EXPECT_EQ(w.sent[i].field(4, 4), w.sent[0].field(4, 4));
    }
    EXPECT_NE(w.sent[9].field(8, 2), std::string(2, 0)); // seconds
    // A server that offers and then says nothing more: four requests, then from the beginning.
    auto last = w.sent.back();
    w.sent.clear(), w.at.clear();
    w.hear(answer(last, DhcpType::offer, lent, good_options()));
    for (unsigned i = 0; i < 4; i++) w.run_until_sent();
    for (unsigned i = 0; i < 4; i++) EXPECT_EQ(w.take().type(), DhcpType::request);
    EXPECT_EQ(w.take().type(), DhcpType::discover);
}

TEST(Dhcp, RenewsWithItsServerAndThenWithAny) {
    World w;
    w.bind(8000);
    u64 begun = w.now;
    w.run_until_sent();
    EXPECT_EQ(w.now, begun + 4000 * second);
    auto renewal = w.take();
    EXPECT_EQ(renewal.type(), DhcpType::request);
    EXPECT_EQ(renewal.from, lent);
    EXPECT_EQ(renewal.to, server);
    EXPECT_EQ(renewal.field(12, 4), bytes_of(lent));
    EXPECT_EQ(renewal.field(10, 2), std::string(2, 0));
    EXPECT_EQ(renewal.option(50), "none");
    EXPECT_EQ(renewal.option(54), "none");
    w.hear(answer(renewal, DhcpType::ack, lent, good_options(8000)));
    EXPECT_EQ(w.bounds, 2u);
    EXPECT_EQ(w.client.deadline(), w.now + 4000 * second);

    begun = w.now;
    unsigned to_server = 0, to_all = 0;
    for (;;) {
        w.run_until_sent();
        auto q = w.take();
        if (q.type() == DhcpType::discover) break;
        bool all = q.to == everybody;
        EXPECT_EQ(all, w.now >= begun + 7000 * second);
        EXPECT_EQ(q.field(12, 4), bytes_of(lent));
        (all ? to_all : to_server)++;
        EXPECT_EQ(w.losses, 0u);
    }
    EXPECT_EQ(w.now, begun + 8000 * second);
    EXPECT_EQ(w.losses, 1u);
    EXPECT_FALSE(w.client.has_lease());
    EXPECT_GE(to_server, 3u);
    EXPECT_GE(to_all, 2u);
    EXPECT_LE(to_server + to_all, 20u);
}

TEST(Dhcp, AnyServerMayGoOnWithALease) {
    World w;
    w.bind(8000, option(58, bytes_of(1000)) + option(59, bytes_of(2000)));
    u64 begun = w.now;
    w.run_until_sent();
    EXPECT_EQ(w.now, begun + 1000 * second);
    while (w.sent.back().to != everybody) w.run_until_sent();
    EXPECT_EQ(w.now, begun + 2000 * second);
    Address other = Address::v4(10, 0, 2, 7);
    w.hear(answer(w.sent.back(), DhcpType::ack, lent, option(54, bytes_of(other)) + option(51, bytes_of(600))));
    EXPECT_EQ(w.bounds, 2u);
    EXPECT_EQ(w.lease.server, other);
    EXPECT_EQ(w.lease.prefix, 8); // nobody said it: by the class
    EXPECT_EQ(w.client.deadline(), w.now + 300 * second);
}

TEST(Dhcp, WhoIsRefusedBeginsAnewAndNotAtOnce) {
    World w;
    w.client.start(w.now, w);
    w.hear(answer(w.take(), DhcpType::offer, lent, good_options()));
    w.hear(answer(w.take(), DhcpType::nak, any_v4, option(54, bytes_of(server))));
    EXPECT_TRUE(w.sent.empty());
    u64 then = w.now;
    w.run_until_sent();
    EXPECT_GE(w.now, then + 5 * second);
    EXPECT_EQ(w.take().type(), DhcpType::discover);
    World bound;
    bound.bind();
    bound.run_until_sent();
    bound.hear(answer(bound.take(), DhcpType::nak, any_v4, option(54, bytes_of(server))));
    EXPECT_EQ(bound.losses, 1u);
    EXPECT_EQ(bound.take().type(), DhcpType::discover);
}

TEST(Dhcp, ALinkThatComesBackAsksWhetherTheLeaseIsGood) {
    for (auto said : {DhcpType::ack, DhcpType::nak, DhcpType::offer}) {
        World w;
        w.bind(8000);
        w.client.pause();
        w.now += 100 * second;
        w.client.start(w.now, w);
        auto q = w.take();
        EXPECT_EQ(q.type(), DhcpType::request);
        EXPECT_EQ(q.option(50), bytes_of(lent));
        EXPECT_EQ(q.option(54), "none");
        EXPECT_EQ(q.to, everybody);
        if (said == DhcpType::offer) { // nobody says anything: it is used until it ends
            w.run_until_sent(w.now + 60 * second);
            w.take();
            w.run_until_sent();
            EXPECT_EQ(w.now, 1000 * second + 4000 * second);
            EXPECT_EQ(w.losses, 0u);
            continue;
        }
        w.hear(answer(q, said, said == DhcpType::ack ? lent : any_v4, good_options(8000)));
        EXPECT_EQ(w.bounds, said == DhcpType::ack ? 2u : 1u);
        EXPECT_EQ(w.losses, said == DhcpType::ack ? 0u : 1u);
    }
    World late; // and ended meanwhile
    late.bind(100);
    late.client.pause();
    EXPECT_EQ(late.client.deadline(), late.now + 100 * second);
    late.now += 100 * second;
    late.client.timer(late.now, late);
    EXPECT_EQ(late.losses, 1u);
    EXPECT_EQ(late.client.deadline(), ~u64{0});
    late.client.start(late.now, late);
    EXPECT_EQ(late.take().type(), DhcpType::discover);
}

TEST(Dhcp, GivesALeaseBack) {
    World w;
    w.bind();
    w.client.release(w.now, w);
    auto q = w.take();
    EXPECT_EQ(q.type(), DhcpType::release);
    EXPECT_EQ(q.to, server);
    EXPECT_EQ(q.field(12, 4), bytes_of(lent));
    EXPECT_EQ(q.option(54), bytes_of(server));
    EXPECT_EQ(w.losses, 1u);
    EXPECT_EQ(w.client.deadline(), ~u64{0});
}

TEST(Dhcp, TakesOnlyWhatItHasAskedFor) {
    World w;
    w.client.start(w.now, w);
    auto q = w.take();
    std::string offer = answer(q, DhcpType::offer, lent, good_options());
    auto wrong = [&](usize at, std::string_view bytes) {
        std::string m = offer;
        m.replace(at, bytes.size(), bytes);
        w.hear(m);
        EXPECT_TRUE(w.sent.empty()) << at;
    };
    wrong(0, "\1");                                                     // a request
    wrong(1, "\2");                                                     // another kind of link
    wrong(2, "\7");                                                     // with other addresses
    wrong(4, std::string(1, static_cast<char>(offer[4] ^ 1)));          // not the number that was asked with
    wrong(28, "\4");                                                    // somebody else's
    wrong(236, "\x62");                                                 // not DHCP
    wrong(16, std::string(4, 0));                                       // no address
    for (auto a : {0xe0000001u, 0xffffffffu, 0x7f000001u, 0xf0000001u}) // that nobody can have
        wrong(16, bytes_of(a));
    wrong(242, "\5"); // an acknowledgement of nothing
    wrong(242, "\x63");
    w.hear(answer(q, DhcpType::offer, lent, option(51, bytes_of(100)))); // from nobody
    EXPECT_TRUE(w.sent.empty());
    for (usize n = 0; n < offer.size() - 1; n++) w.hear(std::string_view{offer}.substr(0, n));
    // Cut between two options it is a message, if a short one; inside of one it is none.
    w.sent.clear();
    World fresh;
    fresh.client.start(fresh.now, fresh);
    offer = answer(fresh.take(), DhcpType::offer, lent, good_options());
    fresh.hear(offer.substr(0, offer.size() - 2));
    EXPECT_TRUE(fresh.sent.empty());
    fresh.hear(offer);
    std::string ack = answer(fresh.take(), DhcpType::ack, Address::v4(10, 0, 2, 16), good_options());
    fresh.hear(ack); // another address than was offered
    EXPECT_EQ(fresh.bounds, 0u);
}

TEST(Dhcp, OptionsThatMakeNoSenseAreNotTaken) {
    World w;
    w.client.start(w.now, w);
    w.hear(answer(w.take(), DhcpType::offer, lent, good_options()));
    w.hear(answer(w.take(), DhcpType::ack, lent,
                  option(54, bytes_of(server)) + option(1, bytes_of(0xff00ff00)) + option(3, "ab") +
                      option(6, bytes_of(0x7f000001)) + option(26, std::string(2, 0)) + option(51, bytes_of(1)) +
                      option(58, bytes_of(5)) + option(59, bytes_of(2)) + option(12, "a b;c") + option(15, "good\0") +
                      option(1, bytes_of(0xffffff00))));
    EXPECT_EQ(w.bounds, 1u);
    EXPECT_EQ(w.lease.prefix, 8);
    EXPECT_EQ(w.lease.router, any_v4);
    EXPECT_EQ(w.lease.dns[0], any_v4);
    EXPECT_EQ(w.lease.mtu, 0);
    EXPECT_TRUE(w.lease.host_name.empty());
    EXPECT_EQ(w.lease.domain.view(), "good");
    EXPECT_EQ(w.client.deadline(), w.now + 30 * second); // not at once, whatever the server says
}

TEST(Dhcp, OptionsMayStandInTheNamesOfServerAndFile) {
    World w;
    w.client.start(w.now, w);
    auto q = w.take();
    std::string m = answer(q, DhcpType::offer, lent, option(52, "\3"));
    std::string file = option(54, bytes_of(server)) + '\xff', name = option(51, bytes_of(600)) + '\xff';
    m.replace(108, file.size(), file);
    m.replace(44, name.size(), name);
    w.hear(m);
    EXPECT_EQ(w.take().option(54), bytes_of(server));
    m.replace(108, 128, option(54, bytes_of(server)) + std::string(120, 0) + "\6\4"); // ends behind the field
    World other;
    other.client.start(other.now, other);
    m.replace(4, 4, other.take().field(4, 4));
    other.hear(m);
    EXPECT_TRUE(other.sent.empty());
}

TEST(Dhcp, ALeaseForEver) {
    World w;
    w.bind(DhcpLease::infinite);
    EXPECT_EQ(w.client.deadline(), ~u64{0});
}
