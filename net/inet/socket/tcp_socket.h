// SOCK_STREAM of AF_INET and AF_INET6: tcp(7).
#pragma once
#include "net/inet/socket/socket.h"
#include "net/inet/socket/tcp_endpoint.h"

namespace net::inet {
class TcpSocket final : public InetSocket {
public:
    TcpSocket(Ref<TcpEndpoint> e, Ref<vfs::Inode> i) : InetSocket{std::move(e), 1, 6, std::move(i)} {}
    ~TcpSocket() override;
    static Result<Ref<sockets::Socket>> create(bool v6);

    Result<> listen(unsigned backlog) override;
    Result<Ref<sockets::Socket>> accept() override;
    Result<> connect(const sockets::Address&, Deadline until) override;
    Result<> peer_address(sockets::Address&) override;
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    Result<> shutdown(int how) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    bool listens() const override { return tcp().listens.load(std::memory_order_relaxed); }
    u32 poll() override;

private:
    TcpEndpoint& tcp() const { return static_cast<TcpEndpoint&>(*end_); }
    Result<> take_port(const Endpoint&) override;
    // tcp_socket.cpp
    Result<> start_connecting(const sockets::Address&);
    Result<> connection_made();
    Result<> disconnect();
    void forget_connection();
    // tcp_transfer.cpp
    struct Room {
        FrameRef tail;
        u32 used;
        usize bytes;
    };
    Result<usize> may_send();
    Result<Room> room_to_send();
    Result<> send_piece(sockets::SendMessage&, Room, Outbox&);
    Result<> send_pages(sockets::SendMessage&, Outbox&);
    Result<> send_some(sockets::SendMessage&, Outbox&);
    struct Readable {
        Packet* packet = nullptr; // null: `bytes` is the answer
        usize bytes = 0;          // of it, that may be read
    };
    Result<Readable> find_readable(sockets::ReceiveMessage&, usize target, Outbox&);
    Result<usize> nothing_to_read(usize moved, usize target);
    Result<usize> drop(sockets::ReceiveMessage&, usize target);
    Result<usize> peek(sockets::ReceiveMessage&);
    Result<usize> receive_urgent(sockets::ReceiveMessage&);
    // tcp_options.cpp
    Result<> set_tcp_option(int option, UserSpan<const std::byte> value);
    Result<int> get_tcp_number(int option);
    void buffers_changed(int option);
    template <class F>
    void tune(F f);
};
} // namespace net::inet
