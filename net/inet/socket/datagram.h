// What sockets of datagrams have in common: UDP's, those of ping, and raw ones.
#pragma once
#include "net/inet/socket/error_queue.h"
#include "net/inet/socket/membership.h"
#include "net/inet/socket/send_control.h"
#include "net/inet/socket/socket.h"
#include "net/inet/stack/input.h"

namespace net::inet {
/// Where the headers of a packet in a receive queue end; kept in its `mark`.
struct Parts {
    u16 header; // where the transport's header stands
    u16 data;   // where begins what is given to the reader
    static Parts of(const Packet& p) { return {static_cast<u16>(p.mark), static_cast<u16>(p.mark >> 16)}; }
    u32 mark() const { return u32{header} | u32{data} << 16; }
};

class DatagramEndpoint : public InetEndpoint {
public:
    DatagramEndpoint(u8 protocol, bool v6, Maker maker)
        : InetEndpoint{Kind::datagrams, protocol, v6, std::move(maker.network), maker.stack, std::move(maker.payer)} {}

    /// A packet for it has arrived; it is dropped where the buffer is full.
    void deliver(PacketBox, Parts);
    /// The first packet of the queue, or null. Takes the lock.
    PacketBox take();
    /// A copy of the packet in which byte `skip` of all data lies; `skip` becomes the place in it. Null: there is none.
    /// err::nomem.
    Result<PacketBox> look_at(u32& skip);
    /// An ICMP packet tells that something that was sent to `port` has failed: tells who is connected or asks for
    /// errors, and keeps what is quoted, from `data` on, for those.
    void failed(const Arrival&, const IcmpError&, usize data, u16 port);
    /// This machine itself could not send, for who asks for errors: it was larger than `mtu`.
    void too_large(const Endpoint& to, u32 mtu);
    /// The socket is closed: nothing arrives any more.
    void close();
    bool has_data() const { return has_data_.load(std::memory_order_acquire); }
    /// Bytes that SIOCINQ tells: of the first datagram.
    usize first_size();

    /// Guarded by `lock`, but for what is atomic.
    std::atomic<bool> connected = false;
    std::atomic<u8> shut = 0;                       // 1 << SHUT_RD, 1 << SHUT_WR
    bool address_given = false, port_given = false; // by bind(2)
    std::atomic<u32> dropped = 0;
    /// SIOCGSTAMP: when the last packet that was read had come; 0: nobody had asked before; ~0: none was read.
    std::atomic<u64> last_time = ~u64{0};
    std::atomic<bool> keeps_time = false; // somebody has asked
    ErrorQueue errors;
    Memberships memberships; // has a lock of its own; changed under `writing`
    /// UDP_GRO.
    std::atomic<bool> joins_segments = false;

private:
    PacketQueue queue_;
    std::atomic<bool> has_data_ = false;
    bool closed_ = false;
};

class DatagramSocket : public InetSocket {
public:
    Result<> connect(const sockets::Address&, Deadline) override;
    Result<> peer_address(sockets::Address&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    Result<> shutdown(int how) override;
    u32 poll() override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    bool raises_pipe_signal() const final { return false; }
    DatagramEndpoint& endpoint() const { return end(); }

protected:
    DatagramSocket(const Ref<DatagramEndpoint>& e, int type, Ref<vfs::Inode> inode)
        : InetSocket{e, type, e->protocol(), std::move(inode)} {}
    ~DatagramSocket() override;
    DatagramEndpoint& end() const { return static_cast<DatagramEndpoint&>(*end_); }
    /// Takes a destination for connect(2) and sendto(2): a socket of AF_INET6 takes AF_INET's, too.
    Result<Endpoint> datagram_destination(const sockets::Address&) const;
    /// Gives it a port, if it has none. err::again: none is free.
    virtual Result<> autobind();
    /// Of its own address and of what it is connected to; under the lock.
    virtual void associate(const Address& local, const Endpoint& remote);
    Result<> take_port(const Endpoint&) override;
    /// Where something goes, and how.
    struct Sending {
        Endpoint to;
        SendControl control;
        bool confirm = false; // MSG_CONFIRM: what was sent there has arrived
        bool probe = false;   // MSG_PROBE: nothing is sent
    };
    /// Reads a message's address and control data. Linux's errors for them.
    Result<> prepare(sockets::SendMessage&, Sending&);
    /// An error that is to be told; err::pipe: shut down; err::again: devices have as much as the send buffer holds.
    Result<> may_send();
    /// Finds the way and sends, by send_one(). err::msgsize: it is larger than it may be.
    Result<> transmit(PacketBox, const Sending&);
    /// Puts the transport's header in front, and sends by send_ip(). Under the lock.
    virtual Result<> send_one(const Path&, PacketBox, const Sending&, const IpSend&, Outbox&) = 0;
    virtual usize header_size() const { return 0; } // of the transport
    Result<> send_ip(const Path&, PacketBox, const IpSend&, Outbox&);
    /// The port that `from` has, for who gets the packet.
    virtual u16 source_port(const Packet&, const Parts&) const { return 0; }
    virtual u16 destination_port(const Packet&, const Parts&) const { return 0; }
    /// More that comes with a datagram than IP's.
    virtual void put_more_control(sockets::ReceiveMessage&, const Packet&) {}

private:
    Result<Path> special_way(const Sending&) const;
    Result<> disconnect();
    Result<> set_group_option(int level, int option, UserSpan<const std::byte> value);
    Result<> set_group_option_v4(int option, UserSpan<const std::byte> value);
    Result<> set_group_option_v6(int option, UserSpan<const std::byte> value);
    Result<> set_source_filter(int level, bool old, UserSpan<const std::byte> value);
    Result<usize> get_source_filter(int level, bool old, UserSpan<std::byte> value);
    Result<> change_group_source(const Memberships::Request&, const net::Address& source, int option);
    void errors_unwanted() override;
    Result<usize> copy(sockets::ReceiveMessage&, const Packet&, u32 skip, bool peeks);
    Result<usize> receive_error(sockets::ReceiveMessage&);
    u64 last_time();
    void put_control(sockets::ReceiveMessage&, const Packet&, const Ip&, const Parts&);
};

/// Puts one control message where there is room for it; MSG_CTRUNC else.
template <class T>
void put_control(sockets::ReceiveMessage& m, int level, int type, const T& value) {
    if (m.control)
        m.control->put_value(level, type, value);
    else
        m.result |= 8; // MSG_CTRUNC
}
/// What IP says of a packet, as the options of a socket want to be told.
void put_ip_control(sockets::ReceiveMessage&, const InetEndpoint&, const Packet&, const Ip&, u16 destination_port);
} // namespace net::inet
