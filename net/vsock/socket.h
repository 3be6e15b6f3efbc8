// Sockets of AF_VSOCK: vsock(7).
#pragma once
#include "kernel/socket/family.h"
#include "kernel/vfs/device.h"
#include "net/vsock/endpoint.h"

namespace vsock {
extern const sockets::Family family;
device::CharacterDevice& devices(); // major 10: /dev/vsock
inline constexpr u32 device_minor = 258;

class VsockSocket final : public sockets::Socket {
public:
    VsockSocket(Ref<Endpoint>, Ref<vfs::Inode>);
    ~VsockSocket() override { end_->close(); }
    Result<> bind(const sockets::Address&) override;
    Result<> listen(unsigned backlog) override;
    Result<Ref<Socket>> accept() override;
    Result<> connect(const sockets::Address&, Deadline) override;
    Result<> local_address(sockets::Address&) override;
    Result<> peer_address(sockets::Address&) override;
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    Result<> shutdown(int how) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    bool listens() const override { return end_->phase == Endpoint::Phase::listening; }
    u32 poll() override;
    WaitQueue& changed() override { return end_->changed; }

private:
    Result<usize> send_message(sockets::SendMessage&);
    Result<usize> receive_bytes(sockets::ReceiveMessage&);
    Result<usize> receive_message(sockets::ReceiveMessage&);
    Result<> check_sending(const sockets::SendMessage&);
    const Ref<Endpoint> end_;
};
} // namespace vsock
