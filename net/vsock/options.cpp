// Options of level AF_VSOCK, ioctl(2), /dev/vsock.
#include "kernel/socket/numbers.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/path.h"
#include "net/vsock/socket.h"
#include <algorithm>
#include <asm/ioctls.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <sys/socket.h>
// After the one before, whose types it needs.
#include <linux/vm_sockets.h>

namespace vsock {
using namespace sockets;

namespace {
Result<u64> timeout_of(UserSpan<const std::byte> value) {
    auto time = TRY(option_value<__kernel_old_timeval>(value));
    u64 seconds = static_cast<u64>(time.tv_sec), us = static_cast<u64>(time.tv_usec);
    if (time.tv_sec < 0 || us >= 1'000'000 || seconds > 1u << 30) return err::range;
    u64 ns = seconds * clocks::ns_per_second + us * 1000;
    return ns ? ns : 2 * clocks::ns_per_second;
}
u32 local_cid() {
    Transport* out = transport();
    return out ? out->cid() : cid_any;
}

/// /dev/vsock: says which number this machine has.
class NumberFile final : public File {
public:
    Result<i64> ioctl(unsigned request, uptr argument) override {
        if (request != IOCTL_VM_SOCKETS_GET_LOCAL_CID) return err::notty;
        TRY(copy_out(UserPtr<u32>{argument}, local_cid()));
        return 0;
    }
    void print_name(Writer& out) override { out.write("/dev/vsock"); }
};
class Devices final : public device::CharacterDevice {
public:
    Result<Ref<File>> open(u64 number, const vfs::Path&, u32 flags) override {
        if (device::minor(number) != device_minor) return err::nxio;
        auto made = TRY(make_ref<NumberFile>());
        made->flags.store(flags, std::memory_order_relaxed);
        return Ref<File>{std::move(made)};
    }
    std::string_view name() const override { return "misc"; }
};
constinit Devices all_devices;
} // namespace

device::CharacterDevice& devices() { return all_devices; }

Result<> VsockSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    if (level == sol_socket) return Socket::set_option(level, option, value);
    if (level != af_vsock) return err::noprotoopt;
    Endpoint& e = *end_;
    if (option == SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD || option == SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW) {
        u64 ns = TRY(timeout_of(value));
        Holding held{e.lock};
        return e.connect_timeout_ns = ns, Result<>{};
    }
    if (option > SO_VM_SOCKETS_BUFFER_MAX_SIZE) return err::noprotoopt;
    u64 bytes = std::min(TRY(option_value<u64>(value)), Endpoint::largest_buffer);
    Holding held{e.lock};
    switch (option) {
    case SO_VM_SOCKETS_BUFFER_SIZE: e.buffer = bytes; break;
    case SO_VM_SOCKETS_BUFFER_MIN_SIZE: e.buffer_least = bytes; break;
    case SO_VM_SOCKETS_BUFFER_MAX_SIZE: e.buffer_most = bytes; break;
    }
    e.set_buffer(static_cast<u32>(std::max(std::min(e.buffer, e.buffer_most), e.buffer_least)));
    return {};
}

Result<usize> VsockSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    if (level == sol_socket) return Socket::get_option(level, option, value);
    if (level != af_vsock) return err::noprotoopt;
    u64 number;
    {
        Holding held{end_->lock};
        switch (option) {
        case SO_VM_SOCKETS_BUFFER_SIZE: number = end_->buffer; break;
        case SO_VM_SOCKETS_BUFFER_MIN_SIZE: number = end_->buffer_least; break;
        case SO_VM_SOCKETS_BUFFER_MAX_SIZE: number = end_->buffer_most; break;
        case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
        case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW: number = end_->connect_timeout_ns; break;
        default: return err::noprotoopt;
        }
    }
    bool time = option == SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD || option == SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW;
    if (value.size < (time ? sizeof(__kernel_old_timeval) : sizeof number)) return err::inval;
    if (!time) return put_option(value, number);
    return put_option(value, __kernel_old_timeval{static_cast<__kernel_long_t>(number / clocks::ns_per_second),
                                                  static_cast<__kernel_long_t>(number % clocks::ns_per_second / 1000)});
}

Result<i64> VsockSocket::ioctl(unsigned request, uptr argument) {
    if (request == IOCTL_VM_SOCKETS_GET_LOCAL_CID) {
        TRY(copy_out(UserPtr<u32>{argument}, local_cid()));
        return 0;
    }
    if (request != SIOCINQ && request != SIOCOUTQ) return Socket::ioctl(request, argument);
    int n;
    {
        Holding held{end_->lock};
        if (!end_->connection) return err::inval;
        n = static_cast<int>(request == SIOCINQ ? end_->connection->unread() : end_->connection->on_way());
    }
    TRY(copy_out(UserPtr<int>{argument}, n));
    return 0;
}
} // namespace vsock
