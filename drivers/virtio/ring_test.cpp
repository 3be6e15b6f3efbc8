// The driver's side of a virtqueue beside a device that keeps the rules, and beside one that writes whatever it likes.
#include "drivers/virtio/ring.h"
#include <cstring>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace {
using virtio::Descriptor;
using virtio::IndirectTables;
using virtio::Piece;
using virtio::Ring;

constexpr u64 table_address = 0x7000'0000;

/// A ring, and the other side of its memory, whose parts the device finds by itself.
struct Pair {
    explicit Pair(u16 size, bool event_index = false, u16 pieces = 0)
        : size_{size}, layout{size}, memory(layout.bytes + 64), tables(usize{size} * pieces) {
        base = reinterpret_cast<std::byte*>(align_up(reinterpret_cast<uptr>(memory.data()), 16));
        EXPECT_TRUE(ring.init(base, size, event_index, IndirectTables{tables.data(), table_address, pieces}));
    }
    u16& available(usize i) { return reinterpret_cast<u16*>(base + layout.available)[i]; }
    u16& used(usize i) { return reinterpret_cast<u16*>(base + layout.used)[i]; }
    u16& used_event() { return available(2 + size_); }
    u16& available_event() { return used(2 + 4 * usize{size_}); }
    Descriptor& descriptor(u16 i) { return reinterpret_cast<Descriptor*>(base)[i]; }

    /// What the device sees of a request.
    struct Seen {
        u16 head;
        std::vector<Piece> reads, writes;
        bool in_table = false;
    };
    /// Takes the next request, as the specification says a device does.
    Seen next() {
        Seen seen{available(2 + taken++ % size_), {}, {}};
        Descriptor* table = &descriptor(0);
        u16 at = seen.head;
        if (table[at].flags & 4) {
            EXPECT_EQ(table[at].flags, 4);
            seen.in_table = true;
            usize offset = (table[at].address - table_address) / sizeof(Descriptor);
            EXPECT_LE(offset + table[at].size / sizeof(Descriptor), tables.size());
            table = &tables[offset];
            at = 0;
        }
        for (;;) {
            EXPECT_LT(at, size_);
            auto& d = table[at];
            EXPECT_TRUE(d.flags & 2 || seen.writes.empty()); // reads come first
            (d.flags & 2 ? seen.writes : seen.reads).push_back({d.address, d.size});
            if (!(d.flags & 1)) return seen;
            at = d.next;
        }
    }
    bool has_request() { return available(1) != taken; }
    void write_used(u32 id, u32 length) {
        auto* entry = &used(2 + 4 * (put++ % size_));
        std::memcpy(entry, &id, 4);
        std::memcpy(entry + 2, &length, 4);
        used(1) = put;
    }

    u16 size_;
    Ring ring;
    Ring::Layout layout;
    std::vector<std::byte> memory;
    std::vector<Descriptor> tables;
    std::byte* base;
    u16 taken = 0, put = 0;
};

void* token(usize n) { return reinterpret_cast<void*>(n); }

bool same(const std::vector<Piece>& a, const std::vector<Piece>& b) {
    if (a.size() != b.size()) return false;
    for (usize i = 0; i < a.size(); i++)
        if (a[i].address != b[i].address || a[i].size != b[i].size) return false;
    return true;
}
} // namespace

/// Requests of all shapes, done in any order, many times around.
TEST(VirtioRing, KeepsRequestsApart) {
    std::mt19937 random{3};
    for (u16 pieces : {0, 4}) {
        for (u16 size : {1, 2, 8, 64}) {
            Pair p{size, pieces != 0, pieces};
            usize longest_table = std::min(pieces, size);
            struct Request {
                std::vector<Piece> reads, writes;
                u32 room = 0;
            };
            std::map<usize, Request> in_flight;
            std::vector<std::pair<Pair::Seen, usize>> at_device;
            std::deque<usize> order;
            usize next_token = 1;
            for (unsigned step = 0; step < 20000; step++) {
                if (random() % 2) {
                    Request r;
                    for (unsigned i = random() % 4; i; i--)
                        r.reads.push_back({random(), static_cast<u32>(random() % 5000)});
                    for (unsigned i = random() % 4; i; i--)
                        r.writes.push_back({random(), static_cast<u32>(random() % 5000)});
                    for (auto& w : r.writes) r.room += w.size;
                    usize count = r.reads.size() + r.writes.size();
                    usize needed = count > 1 && count <= longest_table ? 1 : count;
                    u16 before = p.ring.room();
                    auto added = p.ring.add(r.reads, r.writes, token(next_token));
                    if (count == 0 || needed > size) {
                        EXPECT_EQ(added, err::inval);
                    } else if (needed > before) {
                        EXPECT_EQ(added, err::nospc);
                    } else {
                        ASSERT_TRUE(added);
                        EXPECT_EQ(p.ring.room(), before - needed);
                        in_flight[next_token] = r;
                        order.push_back(next_token++);
                    }
                }
                if (random() % 3 == 0) (void)p.ring.publish();
                while (p.has_request()) {
                    auto seen = p.next();
                    auto& r = in_flight[order.front()];
                    EXPECT_TRUE(same(seen.reads, r.reads) && same(seen.writes, r.writes));
                    usize count = r.reads.size() + r.writes.size();
                    EXPECT_EQ(seen.in_table, count > 1 && count <= longest_table);
                    at_device.push_back({seen, order.front()});
                    order.pop_front();
                }
                if (!at_device.empty() && random() % 2) {
                    usize which = random() % at_device.size();
                    auto [seen, id] = at_device[which];
                    at_device.erase(at_device.begin() + static_cast<long>(which));
                    u32 room = in_flight[id].room, length = room ? random() % (room + 1) : 0;
                    p.write_used(seen.head, length);
                    EXPECT_TRUE(p.ring.has_used());
                    auto used = p.ring.take();
                    ASSERT_TRUE(used);
                    EXPECT_EQ(used->token, token(id));
                    EXPECT_EQ(used->written, length);
                    in_flight.erase(id);
                }
                EXPECT_EQ(p.ring.take(), err::again);
            }
            usize left = 0;
            while (p.ring.take_back()) left++;
            EXPECT_EQ(left, in_flight.size());
        }
    }
}

TEST(VirtioRing, TellsTheDeviceWhenItWantsToBeTold) {
    Pair flags{8};
    Piece piece{1, 1};
    auto add = [&](Pair& p) { return p.ring.add({&piece, 1}, {}, token(1)).has_value(); };
    EXPECT_FALSE(flags.ring.publish()); // nothing new
    EXPECT_TRUE(add(flags));
    EXPECT_TRUE(flags.ring.publish());
    flags.used(0) = 1;
    EXPECT_TRUE(add(flags));
    EXPECT_FALSE(flags.ring.publish());

    Pair event{8, true};
    event.available_event() = 1; // at the second one
    EXPECT_TRUE(add(event));
    EXPECT_FALSE(event.ring.publish());
    EXPECT_TRUE(add(event));
    EXPECT_TRUE(event.ring.publish());
    EXPECT_TRUE(add(event));
    EXPECT_FALSE(event.ring.publish());
    event.available_event() = 4;
    EXPECT_TRUE(add(event) && add(event) && add(event));
    EXPECT_TRUE(event.ring.publish()); // it lies among them
}

TEST(VirtioRing, AsksForInterrupts) {
    for (bool event_index : {false, true}) {
        Pair p{4, event_index};
        Piece piece{1, 1};
        ASSERT_TRUE(p.ring.add({&piece, 1}, {}, token(1)));
        ASSERT_TRUE(p.ring.add({&piece, 1}, {}, token(2)));
        (void)p.ring.publish();
        EXPECT_FALSE(p.ring.turn_on_interrupts());
        EXPECT_EQ(p.available(0), 0);
        EXPECT_EQ(p.used_event(), 0);
        p.write_used(p.next().head, 0);
        p.ring.turn_off_interrupts();
        EXPECT_EQ(p.available(0), event_index ? 0 : 1);
        EXPECT_TRUE(p.ring.turn_on_interrupts()); // there is one
        EXPECT_TRUE(p.ring.take());
        EXPECT_FALSE(p.ring.turn_on_interrupts());
        if (event_index) EXPECT_EQ(p.used_event(), 1);
    }
}

/// When it is done with so many more, where it can count them; else at the next one.
TEST(VirtioRing, AsksForInterruptsLater) {
    for (bool event_index : {false, true}) {
        Pair p{8, event_index};
        Piece piece{1, 1};
        for (usize i = 1; i <= 5; i++) ASSERT_TRUE(p.ring.add({&piece, 1}, {}, token(i)));
        EXPECT_EQ(p.ring.in_flight(), 5);
        (void)p.ring.publish();
        EXPECT_FALSE(p.ring.turn_on_interrupts(2));
        if (event_index) EXPECT_EQ(p.used_event(), 2); // the third one
        for (unsigned done = 1; done <= 3; done++) {
            p.write_used(p.next().head, 0);
            EXPECT_EQ(p.ring.turn_on_interrupts(2), done > (event_index ? 2 : 0));
        }
    }
}

TEST(VirtioRing, TakesNothingThatWasNotGiven) {
    auto given = [](Pair& p) {
        Piece in{1, 10}, out{2, 20};
        ASSERT_TRUE(p.ring.add({&in, 1}, {&out, 1}, token(5)));
        ASSERT_TRUE(p.ring.add({}, {&out, 1}, token(6)));
        (void)p.ring.publish();
    };
    struct Lie {
        const char* what;
        u32 id, length;
        unsigned times = 1;
    };
    for (Lie lie : {Lie{"beyond the ring", 8, 0}, Lie{"far beyond", ~0u, 0}, Lie{"free", 5, 0},
                    Lie{"inside a request", 1, 0}, Lie{"longer than the room", 0, 21}, Lie{"much longer", 0, ~0u}}) {
        Pair p{8};
        given(p);
        p.write_used(lie.id, lie.length);
        EXPECT_EQ(p.ring.take(), err::proto) << lie.what;
        EXPECT_TRUE(p.ring.broken());
        p.write_used(0, 0); // the truth comes too late
        EXPECT_EQ(p.ring.take(), err::proto) << lie.what;
    }
    Pair twice{8};
    given(twice);
    twice.write_used(0, 20);
    EXPECT_EQ(twice.ring.take()->token, token(5));
    twice.write_used(0, 20);
    EXPECT_EQ(twice.ring.take(), err::proto);
    EXPECT_EQ(twice.ring.take_back(), token(6));
    EXPECT_EQ(twice.ring.take_back(), nullptr);

    Pair more{8};
    given(more);
    more.used(1) = 4; // three descriptors are out
    EXPECT_EQ(more.ring.take(), err::proto);
    Pair backwards{8};
    given(backwards);
    backwards.used(1) = 0xffff;
    EXPECT_EQ(backwards.ring.take(), err::proto);
}

/// Whatever stands in memory that the device can reach, each token comes back once, with a length that it had room for.
TEST(VirtioRing, SurvivesADeviceThatWritesAnything) {
    std::mt19937 random{11};
    for (unsigned round = 0; round < 3000; round++) {
        u16 size = static_cast<u16>(1 << random() % 5), pieces = random() % 2 ? 3 : 0;
        Pair p{size, random() % 2 == 0, pieces};
        std::map<usize, u32> rooms;
        usize next_token = 1;
        for (unsigned step = 0; step < 60; step++) {
            Piece some[2] = {{random(), static_cast<u32>(random() % 100)},
                             {random(), static_cast<u32>(random() % 100)}};
            usize writes = random() % 3;
            u32 room = 0;
            for (usize i = 2 - writes; i < 2; i++) room += some[i].size;
            std::span all{some};
            if (p.ring.add(all.first(2 - writes), all.last(writes), token(next_token))) rooms[next_token++] = room;
            (void)p.ring.publish();
            switch (random() % 4) {
            case 0: p.write_used(random() % (size + 1), random() % 120); break;
            case 1:
                if (p.has_request()) p.write_used(p.available(2 + p.taken++ % size), 0);
                break;
            case 2:
                if (random() % 8 == 0) p.used(1) = static_cast<u16>(random());
                break;
            case 3: // anywhere
                if (random() % 8 == 0) p.base[random() % p.layout.bytes] = static_cast<std::byte>(random());
            }
            (void)p.ring.turn_on_interrupts();
            p.ring.turn_off_interrupts();
            for (Result<Ring::Used> used = err::again; (used = p.ring.take());) {
                auto found = rooms.find(reinterpret_cast<usize>(used->token));
                ASSERT_NE(found, rooms.end());
                EXPECT_LE(used->written, found->second);
                rooms.erase(found);
            }
        }
        while (void* left = p.ring.take_back()) EXPECT_EQ(rooms.erase(reinterpret_cast<usize>(left)), 1u);
        EXPECT_TRUE(rooms.empty());
    }
}
