// Sockets of UDP: udp(7).
#pragma once
#include "net/inet/socket/datagram.h"
#include "net/stack/user_bytes.h"

namespace net::inet {
extern const Protocol udp_protocol;

class UdpSocket final : public DatagramSocket {
public:
    static Result<Ref<sockets::Socket>> create(bool v6);
    UdpSocket(const Ref<DatagramEndpoint>& e, Ref<vfs::Inode> inode) : DatagramSocket{e, 2, std::move(inode)} {}

    Result<usize> send(sockets::SendMessage&) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    bool can_peek_at() const override { return true; }

private:
    /// What MSG_MORE and UDP_CORK have collected, for `to` of the first part.
    struct Cork {
        PacketBox packet; // null: nothing
        ByteAppender bytes;
        Sending as;
    };
    Result<> send_one(const Path&, PacketBox, const Sending&, const IpSend&, Outbox&) override;
    usize header_size() const override { return 8; }
    Result<> cut(const Path&, const Packet&, u16 size, const Sending&, const IpSend&, Outbox&);
    Result<> begin(sockets::SendMessage&, Sending&);
    Result<usize> send_corked(sockets::SendMessage&);
    Result<> flush_cork();
    Result<> set_udp_option(int option, int value);
    u16 source_port(const Packet&, const Parts&) const override;
    u16 destination_port(const Packet&, const Parts&) const override;
    void put_more_control(sockets::ReceiveMessage&, const Packet&) override;

    Cork cork_;                                                     // under the endpoint's `writing`
    std::atomic<bool> corks_ = false;                               // UDP_CORK
    std::atomic<bool> corked_ = false;                              // cork_ has something
    std::atomic<u16> segment_size_ = 0;                             // UDP_SEGMENT
    std::atomic<bool> no_sum_v6_ = false, takes_no_sum_v6_ = false; // UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX
};
} // namespace net::inet
