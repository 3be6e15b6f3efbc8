// Unix sockets as files: unix(7).
#pragma once
#include "kernel/socket/family.h"
#include "net/unix/endpoint.h"

namespace unix_sockets {
extern const sockets::Family family;
inline bool is_unix(const sockets::Socket& s) { return &s.family() == &family; }

/// What the three types share.
class UnixSocket : public sockets::Socket {
public:
    Endpoint& endpoint() const { return *end_; }

    Result<> bind(const sockets::Address&) final;
    Result<> listen(unsigned backlog) final;
    Result<Ref<sockets::Socket>> accept() final;
    Result<> connect(const sockets::Address&, Deadline until) final;
    Result<> local_address(sockets::Address&) final;
    Result<> peer_address(sockets::Address&) final;
    Result<> shutdown(int how) final;
    Result<i64> ioctl(unsigned request, uptr argument) final;
    bool listens() const final { return end_->state.load(std::memory_order_relaxed) == State::listening; }
    sockets::Identity peer_identity() final;
    Ref<const Credentials> peer_credentials() final;
    bool can_peek_at() const final { return true; }
    bool passes_control() const final { return true; }
    void limits_changed() final { end_->give_back(0); }
    WaitQueue& changed() final { return end_->changed; }
    Result<> flush(FileTable&) final;

protected:
    UnixSocket(Ref<Endpoint>, Ref<vfs::Inode>);
    ~UnixSocket() override;
    /// What poll(2) says of all of them but for writing.
    u32 poll_reading() const;
    /// Who sends, if it or who receives wants that told.
    void identify(Packet&, sockets::SendMessage&, const Endpoint& to) const;
    /// A name of its own, where who receives shall know whom to answer.
    Result<> ensure_name();
    /// Of datagrams: it is gone.
    void disconnect_from(Endpoint& gone);
    const Ref<Endpoint> end_;

private:
    Result<> connect_datagrams(const sockets::Address&);
    void change_peer(Ref<Endpoint>);
};

/// SOCK_STREAM.
class StreamSocket final : public UnixSocket {
public:
    StreamSocket(Ref<Endpoint> e, Ref<vfs::Inode> i) : UnixSocket{std::move(e), std::move(i)} {}
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    u32 poll() override;

private:
    Result<> send_piece(sockets::SendMessage&, Endpoint& to);
    Packet* readable_from(Packet*, sockets::ReceiveMessage&);
    Result<bool> take(sockets::ReceiveMessage&, Packet&);
    Result<usize> peek(sockets::ReceiveMessage&, bool ended);
    Result<usize> receive_urgent(sockets::ReceiveMessage&);
    void drop_first(sockets::ReceiveMessage&);
};

/// Of a socket that waits for room in the queue of the one it is connected to.
class RoomWatch final : public Waiter {
public:
    explicit RoomWatch(Endpoint& e) : of_{e} {}
    ~RoomWatch();
    /// From now on room in `on`'s queue is told to the endpoint's waiters, once. By one at a time. Returns whom it has
    /// watched before, for the caller to drop without locks.
    Ref<Endpoint> arm(Ref<Endpoint> on);

private:
    bool notified(u32) override;
    Endpoint& of_;
    Ref<Endpoint> on_;
    std::atomic<bool> armed_ = false;
};

/// SOCK_DGRAM, SOCK_SEQPACKET.
class MessageSocket final : public UnixSocket {
public:
    MessageSocket(Ref<Endpoint> e, Ref<vfs::Inode> i) : UnixSocket{std::move(e), std::move(i)} {}
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    u32 poll() override;

private:
    Result<Packet*> prepare(sockets::SendMessage&);
    Result<Ref<Endpoint>> receiver_of(const sockets::SendMessage&);
    Result<> deliver(sockets::SendMessage&, Packet&, Endpoint& to);
    Result<> wait_for_room(sockets::SendMessage&, Ref<Endpoint>);
    Packet* find(u32& skip, bool peeks);
    Result<usize> copy(sockets::ReceiveMessage&, Packet&, u32 skip);
    bool watch_room(const Ref<Endpoint>& to);
    Guarded<RoomWatch, Mutex<Rank::socket>> room_watch_{*end_};
};

/// The file of an endpoint. err::nomem.
Result<Ref<UnixSocket>> make_socket(Ref<Endpoint>);
} // namespace unix_sockets
