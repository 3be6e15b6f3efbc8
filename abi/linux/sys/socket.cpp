// Sockets: from descriptors, addresses and values of the user's to kernel/socket.
#include "abi/linux/sys/socket.h"
#include "abi/linux/sys/segments.h"
#include "kernel/process/pidfd.h"
#include "kernel/process/tree.h"
#include "kernel/socket/family.h"
#include "kernel/socket/numbers.h"
#include <algorithm>
#include <asm/socket.h>
#include <linux/fcntl.h>

namespace linux_abi::sys {
using namespace sockets;

Result<HeldSocket> hold_socket(Task& task, Fd fd) {
    auto file = TRY(task.files->hold(static_cast<int>(fd)));
    Socket& socket = *TRY(sockets::of(*file));
    return HeldSocket{std::move(file), socket};
}
Result<> copy_address_in(Address& to, uptr from, int size) {
    if (size < 0 || static_cast<usize>(size) > Address::most) return err::inval;
    if (size) TRY(arch::copy_in(to.bytes, from, static_cast<usize>(size)));
    to.size = static_cast<u32>(size);
    return {};
}
Result<> copy_address_out(const Address& from, uptr to, UserPtr<int> size) {
    int room = TRY(copy_in(size));
    if (room < 0) return err::inval;
    usize n = std::min<usize>(from.size, static_cast<usize>(room));
    if (n) TRY(arch::copy_out(to, from.bytes, n));
    return copy_out(size, static_cast<int>(from.size));
}

namespace {
/// What socket(2) and socketpair(2) ask of their arguments, before and after the family is known.
Result<> check_flags(int type) {
    u32 flags = static_cast<u32>(type) & ~u32{sock_type_mask};
    return flags & ~u32{O_CLOEXEC | O_NONBLOCK} ? Result<>{err::inval} : Result<>{};
}
Result<const Family*> family_for(int domain, int type) {
    if (domain < 0 || domain >= domain_end) return err::afnosupport;
    if ((type & sock_type_mask) >= sock_type_end) return err::inval;
    return find_family(domain);
}
void set_flags(Socket& made, int flags) {
    if (flags & O_NONBLOCK) made.flags.fetch_or(O_NONBLOCK, std::memory_order_relaxed);
}
} // namespace

Result<int> socket(Task& task, int domain, int type, int protocol) {
    TRY(check_flags(type));
    const Family& family = *TRY(family_for(domain, type));
    auto made = TRY(family.create(type & sock_type_mask, protocol));
    set_flags(*made, type);
    return task.install(std::move(made), type & O_CLOEXEC);
}

Result<> socketpair(Task& task, int domain, int type, int protocol, UserPtr<int> fds) {
    TRY(check_flags(type));
    TRY(copy_out(fds, std::span<const int>{{-1, -1}})); // Linux writes the numbers before it makes sockets
    const Family& family = *TRY(family_for(domain, type));
    if (!family.create_pair) {
        TRY(family.create(type & sock_type_mask, protocol));
        return err::opnotsupp;
    }
    Ref<Socket> ends[2];
    TRY(family.create_pair(type & sock_type_mask, protocol, ends));
    for (auto& end : ends) set_flags(*end, type);
    int made[2];
    TRY(task.files->install_pair(std::move(ends[0]), std::move(ends[1]), type & O_CLOEXEC, task.descriptor_limit(),
                                 made));
    auto copied = copy_out(fds, std::span<const int>{made});
    if (!copied)
        for (int fd : made) (void)task.files->close(fd);
    return copied;
}

Result<> bind(Task& task, Fd fd, uptr address, int size) {
    auto socket = TRY(hold_socket(task, fd));
    Address at;
    TRY(copy_address_in(at, address, size));
    return socket->bind(at);
}

Result<> listen(Task& task, Fd fd, int backlog) {
    auto socket = TRY(hold_socket(task, fd));
    return socket->listen(std::min(static_cast<unsigned>(backlog), settings.most_pending.load()));
}

Result<int> accept(Task& task, Fd fd, uptr address, UserPtr<int> size) { return accept4(task, fd, address, size, 0); }
Result<int> accept4(Task& task, Fd fd, uptr address, UserPtr<int> size, u32 flags) {
    auto file = TRY(task.files->hold(static_cast<int>(fd)));
    if (flags & ~u32{O_CLOEXEC | O_NONBLOCK}) return err::inval;
    if (!task.files->has_room(task.descriptor_limit())) return err::mfile; // the connection stays where it is
    auto made = TRY(sockets::accept(*TRY(sockets::of(*file))));
    set_flags(*made, static_cast<int>(flags));
    if (address) {
        Address peer;
        if (!made->peer_address(peer)) return err::connaborted;
        TRY(copy_address_out(peer, address, size));
    }
    return task.install(std::move(made), flags & O_CLOEXEC);
}

Result<> connect(Task& task, Fd fd, uptr address, int size) {
    auto file = TRY(task.files->hold(static_cast<int>(fd)));
    Address to;
    TRY(copy_address_in(to, address, size));
    return sockets::connect(*TRY(sockets::of(*file)), to);
}

Result<> getsockname(Task& task, Fd fd, uptr address, UserPtr<int> size) {
    auto socket = TRY(hold_socket(task, fd));
    Address name;
    TRY(socket->local_address(name));
    return copy_address_out(name, address, size);
}
Result<> getpeername(Task& task, Fd fd, uptr address, UserPtr<int> size) {
    auto socket = TRY(hold_socket(task, fd));
    Address name;
    TRY(socket->peer_address(name));
    return copy_address_out(name, address, size);
}

Result<> shutdown(Task& task, Fd fd, int how) {
    auto socket = TRY(hold_socket(task, fd));
    if (how < shut_rd || how > shut_rdwr) return err::inval;
    return socket->shutdown(how);
}

Result<> setsockopt(Task& task, Fd fd, int level, int option, UserPtr<const std::byte> value, int size) {
    auto socket = TRY(hold_socket(task, fd));
    if (size < 0) return err::inval;
    return socket->set_option(level, option, {value, static_cast<usize>(size)});
}

namespace {
/// SO_PEERPIDFD: a descriptor, which goes again where it cannot be told.
Result<> get_peer_pidfd(Task& task, Socket& socket, UserSpan<std::byte> value, UserPtr<int> size) {
    Identity peer = socket.peer_identity();
    if (!peer.process) return err::nodata;
    int fd = TRY(process::open_pidfd(task, *peer.process));
    auto told = put_option(value, fd);
    auto done = told ? copy_out(size, static_cast<int>(*told)) : Result<>{std::unexpected(told.error())};
    if (!done) (void)task.files->close(fd);
    return done;
}
} // namespace

Result<> getsockopt(Task& task, Fd fd, int level, int option, UserPtr<std::byte> value, UserPtr<int> size) {
    auto socket = TRY(hold_socket(task, fd));
    int room = TRY(copy_in(size));
    if (room < 0) return err::inval;
    UserSpan<std::byte> to{value, static_cast<usize>(room)};
    if (level == sol_socket && option == so_peerpidfd) return get_peer_pidfd(task, *socket, to, size);
    auto told = socket->get_option(level, option, to);
    if (!told && told.error() == Errno::range && level == sol_socket && option == SO_PEERGROUPS) {
        usize wanted = socket->peer_credentials()->groups.size() * sizeof(u32);
        TRY(copy_out(size, static_cast<int>(wanted)));
    }
    return copy_out(size, static_cast<int>(TRY(told)));
}
} // namespace linux_abi::sys
