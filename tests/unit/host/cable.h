// Two networks joined by a cable, each with a device, for tests of sockets.
#pragma once
#include "core/work/work.h"
#include "files.h"
#include "kernel/socket/numbers.h"
#include "kernel/views/view.h"
#include "net/inet/socket/udp_socket.h"
#include "net/inet/stack/ethernet.h"
#include "packets.h"
#include <linux/if.h>
#include <linux/in.h>

namespace net::inet::test {
using namespace sockets;

/// One end of a cable. What is sent waits for Cable::run(); packets may come from any thread.
class CableEnd final : public Device {
public:
    explicit CableEnd(u8 number) { address_ = {{2, 0, 0, 0, 0, number}}; }
    std::string_view driver() const override { return "cable"; }
    void start(DeviceUser& by) override { user = &by; }
    Result<> transmit(PacketBox& p, bool) override {
        if (full) return err::again;
        other->arrived_.lock()->push(std::move(p));
        return {};
    }
    /// Hands over what has come. Whether there was anything.
    bool deliver() {
        PacketQueue packets;
        {
            auto arrived = arrived_.lock();
            while (PacketBox p = arrived->pop()) packets.push(std::move(p));
        }
        if (packets.empty()) return false;
        frames++;
        user->received(packets);
        return true;
    }
    DeviceUser* user = nullptr;
    CableEnd* other = nullptr;
    unsigned frames = 0;
    std::atomic<bool> full = false; // it takes nothing

private:
    Guarded<PacketQueue, Spinlock<Rank::device>> arrived_;
};

struct Machine {
    Ref<NetworkNamespace> network;
    Stack* stack;
    CableEnd device;
    Ref<DeviceInterface> eth;
    explicit Machine(u8 number)
        : network{*make_ref<NetworkNamespace>(0, nullptr)}, stack{*Stack::in(*network)}, device{number} {
        eth = *make_ref<DeviceInterface>(*stack, "eth%d", device);
        EXPECT_TRUE(stack->add(eth));
        EXPECT_TRUE(stack->add(*eth, {.address = net::Address::v4(10, 0, 0, number), .prefix = 24}));
        EXPECT_TRUE(stack->add(*eth, {.address = net::Address::v6({0xfd00, 0, 0, 0, 0, 0, 0, number}), .prefix = 64}));
        EXPECT_TRUE(stack->set_flags(*eth, IFF_UP | IFF_RUNNING, IFF_UP | IFF_RUNNING));
        eth->start();
    }
    ~Machine() { stack->remove(*eth); }
    Ref<UdpSocket> socket(bool v6 = false) {
        auto e = *make_ref<DatagramEndpoint>(u8{IPPROTO_UDP}, v6, Maker{network, *stack, View::root().cgroup});
        return *make_ref<UdpSocket>(e, *make_inode());
    }
};

/// 10.0.0.1 and fd00::1 at one end, 10.0.0.2 and fd00::2 at the other.
class Cable : public testing::Test {
protected:
    static void SetUpTestSuite() {
        ASSERT_TRUE(host::files_ready() && host::view_ready());
        static const bool works = work::start().has_value(); // who stops a timer waits for its work
        ASSERT_TRUE(works);
    }
    Cable() { a.device.other = &b.device, b.device.other = &a.device; }
    /// Lets arrive what was sent, and what is sent because of it.
    void run() {
        for (bool any = true; any;) {
            any = a.device.deliver();
            any |= b.device.deliver();
        }
    }
    static sockets::Address name(const Endpoint& e, int domain = af_inet) { return make_address(e, domain); }
    Machine a{1}, b{2};
    const Endpoint at_a{net::Address::v4(10, 0, 0, 1), 1000}, at_b{net::Address::v4(10, 0, 0, 2), 2000};
};
} // namespace net::inet::test
