// Who is called for a line, beside a machine that notes what is let through.
#include "arch/api/upcalls.h"
#include "core/irq/irq.h"
#include <gtest/gtest.h>
#include <set>

namespace {
std::set<unsigned> enabled, taken;
} // namespace

void arch::enable_irq(unsigned line) { enabled.insert(line); }
void arch::disable_irq(unsigned line) { enabled.erase(line); }
Result<arch::Message> arch::take_message(unsigned cpu) {
    if (cpu > 3) return err::opnotsupp;
    unsigned line = first_message_line + cpu;
    if (!taken.insert(line).second) return err::nospc;
    return Message{line, 0xfee0'0000, line};
}
void arch::give_back_message(unsigned line) { taken.erase(line); }

namespace {
struct Device final : IrqHandler {
    bool interrupt() override {
        calls++;
        return std::exchange(asks, false);
    }
    unsigned calls = 0;
    bool asks = false;
};
} // namespace

TEST(Irq, DevicesShareAWire) {
    Device a, b;
    ASSERT_TRUE(request_irq(5, a));
    ASSERT_TRUE(request_irq(5, b));
    EXPECT_TRUE(enabled.count(5));
    b.asks = true;
    upcall::interrupt(5);
    EXPECT_EQ(a.calls, 1u);
    EXPECT_EQ(b.calls, 1u);
    release_irq(5, a);
    b.asks = true;
    upcall::interrupt(5);
    EXPECT_EQ(a.calls, 1u);
    EXPECT_EQ(b.calls, 2u);
    EXPECT_TRUE(enabled.count(5));
    release_irq(5, b);
    EXPECT_FALSE(enabled.count(5));
    EXPECT_EQ(request_irq(arch::first_message_line, a), err::inval);
}

TEST(Irq, AWireThatNobodyServesIsTurnedOff) {
    Device a;
    ASSERT_TRUE(request_irq(6, a));
    for (unsigned i = 0; i < 9'999; i++) upcall::interrupt(6);
    a.asks = true; // it was its device after all
    upcall::interrupt(6);
    for (unsigned i = 0; i < 10'000; i++) upcall::interrupt(6);
    EXPECT_TRUE(enabled.count(6));
    upcall::interrupt(6);
    EXPECT_FALSE(enabled.count(6));
    release_irq(6, a);
    arch::enable_irq(7); // by whoever booted the machine
    upcall::interrupt(7);
    EXPECT_FALSE(enabled.count(7));
}

TEST(Irq, AMessageHasOneHandler) {
    Device a, b;
    auto message = request_message(2, a);
    ASSERT_TRUE(message);
    EXPECT_EQ(request_message(2, b), err::nospc);
    EXPECT_EQ(request_message(4, b), err::opnotsupp);
    upcall::interrupt(message->line);
    EXPECT_EQ(a.calls, 1u);
    release_message(message->line, a);
    upcall::interrupt(message->line); // late
    EXPECT_EQ(a.calls, 1u);
    ASSERT_TRUE(request_message(2, b));
    release_message(message->line, b);
    upcall::interrupt(~0u);
}
