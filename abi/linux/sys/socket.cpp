#include "abi/linux/sys/socket.h"
#include "abi/linux/sys/timeout.h"
#include "kernel/process/task.h"
#include <algorithm>
#include <linux/fcntl.h>

namespace linux_abi::sys {
namespace {
// No UAPI header has these: SOCK_TYPE_MASK, SOCK_MAX, AF_MAX.
constexpr u32 type_mask = 0xf;
constexpr u32 type_end = 11, family_end = 46;

/// What is wrong with the arguments comes before the family's absence.
Result<> check_flags(int type) {
    u32 flags = static_cast<u32>(type) & ~type_mask;
    return flags & ~u32{O_CLOEXEC | O_NONBLOCK} ? Result<>{err::inval} : Result<>{};
}
std::unexpected<Errno> no_family(int family, int type) {
    bool known = static_cast<u32>(family) < family_end;
    return std::unexpected(known && (static_cast<u32>(type) & type_mask) >= type_end ? Errno::inval
                                                                                     : Errno::afnosupport);
}

/// err::badf: nothing is open there.
std::unexpected<Errno> no_socket(Task& task, Fd fd) {
    auto file = task.files->hold(static_cast<int>(fd));
    return std::unexpected(file ? Errno::notsock : file.error());
}
bool in_user_memory(uptr address, usize size) {
    constexpr usize most = 0x7fff'f000; // MAX_RW_COUNT: longer ones are cut
    return address <= arch::user_top && std::min(size, most) <= arch::user_top - address;
}
constexpr u32 compat_flag = 0x8000'0000; // MSG_CMSG_COMPAT, which is not for programs
std::unexpected<Errno> no_socket(Task& task, Fd fd, u32 message_flags) {
    return message_flags & compat_flag ? std::unexpected(Errno::inval) : no_socket(task, fd);
}
} // namespace

Result<int> socket(Task&, int family, int type, int) {
    TRY(check_flags(type));
    return no_family(family, type);
}
Result<> socketpair(Task&, int family, int type, int, UserPtr<int> fds) {
    TRY(check_flags(type));
    for (usize i = 0; i < 2; i++) TRY(copy_out(fds + i, -1)); // Linux writes the numbers before it makes sockets
    return no_family(family, type);
}

Result<> bind(Task& task, Fd fd, uptr, int) { return no_socket(task, fd); }
Result<> listen(Task& task, Fd fd, int) { return no_socket(task, fd); }
Result<int> accept(Task& task, Fd fd, uptr, uptr) { return no_socket(task, fd); }
Result<int> accept4(Task& task, Fd fd, uptr, uptr, u32 flags) {
    if (flags & ~u32{O_CLOEXEC | O_NONBLOCK}) {
        TRY(task.files->hold(static_cast<int>(fd)));
        return err::inval;
    }
    return no_socket(task, fd);
}
Result<> connect(Task& task, Fd fd, uptr, int) { return no_socket(task, fd); }
Result<> getsockname(Task& task, Fd fd, uptr, uptr) { return no_socket(task, fd); }
Result<> getpeername(Task& task, Fd fd, uptr, uptr) { return no_socket(task, fd); }
Result<usize> sendto(Task& task, Fd fd, UserSpan<const std::byte> data, u32, uptr, int) {
    if (!in_user_memory(data.data.address(), data.size)) return err::fault;
    return no_socket(task, fd);
}
Result<usize> recvfrom(Task& task, Fd fd, UserSpan<std::byte> to, u32, uptr, uptr) {
    if (!in_user_memory(to.data.address(), to.size)) return err::fault;
    return no_socket(task, fd);
}
Result<> setsockopt(Task& task, Fd fd, int, int, uptr, int) { return no_socket(task, fd); }
Result<> getsockopt(Task& task, Fd fd, int, int, uptr, uptr) { return no_socket(task, fd); }
Result<> shutdown(Task& task, Fd fd, int) { return no_socket(task, fd); }
Result<usize> sendmsg(Task& task, Fd fd, uptr, u32 flags) { return no_socket(task, fd, flags); }
Result<usize> recvmsg(Task& task, Fd fd, uptr, u32 flags) { return no_socket(task, fd, flags); }
Result<int> sendmmsg(Task& task, Fd fd, uptr, u32, u32 flags) { return no_socket(task, fd, flags); }
Result<int> recvmmsg(Task& task, Fd fd, uptr, u32, u32 flags, UserPtr<const __kernel_timespec> timeout) {
    if (timeout) TRY(to_ns(TRY(copy_in(timeout))));
    return no_socket(task, fd, flags);
}
} // namespace linux_abi::sys
