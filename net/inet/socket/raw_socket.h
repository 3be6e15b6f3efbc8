// Raw sockets, raw(7), and sockets of ping, icmp(7): both hear of packets beside the protocol that they are for.
#pragma once
#include "net/inet/socket/datagram.h"

namespace net::inet {
/// Of a raw socket.
class RawEndpoint final : public DatagramEndpoint {
public:
    using DatagramEndpoint::DatagramEndpoint;
    /// ICMP_FILTER: types that are not wanted, by bit. ICMP6_FILTER the same, for 256 types.
    std::atomic<u32> filter_v4 = 0;
    std::array<std::atomic<u32>, 8> filter_v6{};
    /// IPV6_CHECKSUM: where in the data the sum stands; -1: there is none.
    std::atomic<int> checksum_at = -1;
    /// IP_HDRINCL, IPV6_HDRINCL.
    std::atomic<bool> has_header = false;
    // In the table; under its lock.
    bool listed = false;
    RawEndpoint* next = nullptr;
    /// Under the table's lock, but for groups: in_group().
    bool hears(const Arrival&) const;
    bool in_group(const Arrival&) const;
    bool filters(u8 type) const;
};

class RawSocket final : public DatagramSocket {
public:
    /// err::perm: needs CAP_NET_RAW; err::protonosupport.
    static Result<Ref<sockets::Socket>> create(bool v6, int protocol);
    RawSocket(const Ref<RawEndpoint>& e, Ref<vfs::Inode> inode) : DatagramSocket{e, 3, std::move(inode)} {}
    ~RawSocket() override;

    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;

private:
    static bool may_make(const NetworkNamespace&);
    RawEndpoint& raw() const { return static_cast<RawEndpoint&>(end()); }
    Result<> autobind() override { return {}; }
    Result<> may_bind(const Endpoint&) const override;
    Result<> may_have_port(u16) const override { return {}; }
    Result<> take_port(const Endpoint&) override;
    void associate(const Address& local, const Endpoint& remote) override;
    Result<> send_one(const Path&, PacketBox, const Sending&, const IpSend&, Outbox&) override;
    Result<> send_with_header(const Path&, PacketBox, const IpSend&, Outbox&);
    Result<> set_checksum(int level, int value);
};

/// SOCK_DGRAM of IPPROTO_ICMP and IPPROTO_ICMPV6: echo requests, and the
/// answers to them.
class PingSocket final : public DatagramSocket {
public:
    /// err::acces: not for the caller's groups (ping_group_range).
    static Result<Ref<sockets::Socket>> create(bool v6);
    PingSocket(const Ref<DatagramEndpoint>& e, Ref<vfs::Inode> inode) : DatagramSocket{e, 2, std::move(inode)} {}
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;

private:
    Result<> may_have_port(u16) const override { return {}; }
    void associate(const Address& local, const Endpoint& remote) override;
    Result<> send_one(const Path&, PacketBox, const Sending&, const IpSend&, Outbox&) override;
};

} // namespace net::inet
