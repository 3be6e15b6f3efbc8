// send, recv and their relatives: struct msghdr.
#include "abi/linux/sys/control.h"
#include "abi/linux/sys/segments.h"
#include "abi/linux/sys/socket.h"
#include "abi/linux/sys/timeout.h"
#include "kernel/socket/numbers.h"
#include <algorithm>

namespace linux_abi::sys {
using namespace sockets;

namespace {
/// struct msghdr.
struct user_msghdr {
    uptr name;
    int name_size, padding;
    uptr segments;
    usize segment_count;
    uptr control;
    usize control_size;
    u32 flags, more_padding;
};
struct user_mmsghdr {
    user_msghdr message;
    u32 moved, padding;
};
constexpr u32 most_messages = UIO_MAXIOV;
/// What the caller may not say: it is said inside of Linux (MSG_INTERNAL_SENDMSG_FLAGS and the like).
constexpr u32 internal_flags = 0x0800'0000 | 0x0001'0000 | 0x0010'0000;

/// One buffer, cut off as Linux does before it looks at its address.
Result<UserSegment> segment_of(auto memory) {
    UserSegment segment{memory.data.address(), std::min(memory.size, most_moved)};
    if (!in_user_space(segment.address, segment.size)) return err::fault;
    return segment;
}

/// What the user's msghdr says, the same for both ways.
struct Header {
    user_msghdr of;
    Segments segments;
    Result<> load(uptr at) {
        of = TRY(copy_in(UserPtr<const user_msghdr>{at}));
        if (!of.name) of.name_size = 0;
        if (of.name_size < 0) return err::inval;
        of.name_size = std::min(of.name_size, static_cast<int>(Address::most));
        return {};
    }
    Result<> load_segments() {
        if (of.segment_count > UIO_MAXIOV) return err::msgsize;
        return segments.load({UserPtr<const iovec>{of.segments}, of.segment_count});
    }
};

/// Control data, copied before it is looked at.
class ControlCopy {
public:
    Result<std::span<const std::byte>> load(uptr from, usize size) {
        if (size > most_control) return err::nobufs;
        std::span<std::byte> to{few_.data(), size};
        if (size > few_.size()) {
            TRY(many_.resize(size));
            to = many_;
        }
        TRY(arch::copy_in(to.data(), from, size));
        return to;
    }

private:
    std::array<std::byte, 64> few_;
    Vector<std::byte> many_;
};

/// `partly` (may be null): bytes were left that a later call must send.
Result<usize> send_one(Task& task, Socket& socket, uptr at, u32 flags, bool* partly) {
    Header header;
    TRY(header.load(at));
    Address to;
    if (header.of.name_size) TRY(copy_address_in(to, header.of.name, header.of.name_size));
    TRY(header.load_segments());
    Source source{header.segments.all(), header.segments.total()};
    SendMessage m{.data = source, .flags = flags & ~internal_flags, .to = header.of.name_size ? &to : nullptr};
    ControlCopy control;
    Identity identity;
    if (header.of.control_size) {
        m.control = TRY(control.load(header.of.control, header.of.control_size));
        TRY(decode_control(task, m.control, socket.passes_control(), m, identity));
    }
    auto sent = send(socket, m);
    if (partly) *partly = !source.done();
    return sent;
}

/// `out_flags` (may be null) becomes msg_flags.
Result<usize> receive_one(Task& task, Socket& socket, uptr at, u32 flags, u32* out_flags) {
    Header header;
    TRY(header.load(at));
    TRY(header.load_segments());
    Sink sink{header.segments.all(), header.segments.total()};
    UserControl control{task, header.of.control, header.of.control_size, (flags & msg_cmsg_cloexec) != 0};
    Address from;
    ReceiveMessage m{.data = sink,
                     .flags = flags,
                     .result = flags & msg_cmsg_cloexec,
                     .from = &from,
                     .control = header.of.control ? &control : nullptr};
    usize n = TRY(receive(socket, m));
    if (control.truncated()) m.result |= msg_ctrunc;
    UserPtr<std::byte> to{at};
    if (header.of.name) TRY(copy_address_out(from, header.of.name, to.as<int>(offsetof(user_msghdr, name_size))));
    TRY(copy_out(to.as<u32>(offsetof(user_msghdr, flags)), m.result));
    TRY(copy_out(to.as<usize>(offsetof(user_msghdr, control_size)),
                 m.control ? control.end() - header.of.control : usize{0}));
    if (out_flags) *out_flags = m.result;
    return n;
}
} // namespace

Result<usize> sendto(Task& task, Fd fd, UserSpan<const std::byte> data, u32 flags, uptr address, int size) {
    UserSegment segment = TRY(segment_of(data));
    auto socket = TRY(hold_socket(task, fd));
    Address to;
    if (address) TRY(copy_address_in(to, address, size));
    Source source{{&segment, 1}, segment.size};
    SendMessage m{.data = source, .flags = flags & ~internal_flags, .to = address && size ? &to : nullptr};
    return send(*socket, m);
}

Result<usize> recvfrom(Task& task, Fd fd, UserSpan<std::byte> to, u32 flags, uptr address, UserPtr<int> size) {
    UserSegment segment = TRY(segment_of(to));
    auto socket = TRY(hold_socket(task, fd));
    Sink sink{{&segment, 1}, segment.size};
    Address from;
    ReceiveMessage m{.data = sink, .flags = flags, .from = address ? &from : nullptr};
    usize n = TRY(receive(*socket, m));
    if (address) TRY(copy_address_out(from, address, size));
    return n;
}

Result<usize> sendmsg(Task& task, Fd fd, uptr message, u32 flags) {
    if (flags & msg_cmsg_compat) return err::inval;
    auto socket = TRY(hold_socket(task, fd));
    return send_one(task, *socket, message, flags, nullptr);
}

Result<usize> recvmsg(Task& task, Fd fd, uptr message, u32 flags) {
    if (flags & msg_cmsg_compat) return err::inval;
    auto socket = TRY(hold_socket(task, fd));
    return receive_one(task, *socket, message, flags, nullptr);
}

Result<int> sendmmsg(Task& task, Fd fd, uptr messages, u32 count, u32 flags) {
    if (flags & msg_cmsg_compat) return err::inval;
    auto socket = TRY(hold_socket(task, fd));
    count = std::min(count, most_messages);
    int done = 0;
    for (u32 i = 0; i < count; i++, done++) {
        uptr at = messages + i * sizeof(user_mmsghdr);
        bool partly = false;
        auto sent = send_one(task, *socket, at, flags, &partly);
        auto told = sent ? copy_out(UserPtr<u32>{at + offsetof(user_mmsghdr, moved)}, static_cast<u32>(*sent))
                         : Result<>{std::unexpected(sent.error())};
        if (!told && done == 0) return std::unexpected(told.error());
        if (!told) break;
        if (partly) return done + 1;
    }
    return done;
}

namespace {
/// Receives as many as there are, and waits for those that are asked for.
Result<int> receive_many(Task& task, Socket& socket, uptr messages, u32 count, u32 flags, Deadline until) {
    if (!(flags & msg_errqueue)) TRY(check_error(socket.options()));
    int done = 0;
    for (u32 i = 0; i < count; i++) {
        uptr at = messages + i * sizeof(user_mmsghdr);
        u32 result = 0;
        auto got = receive_one(task, socket, at, flags & ~u32{msg_waitforone}, &result);
        auto told = got ? copy_out(UserPtr<u32>{at + offsetof(user_mmsghdr, moved)}, static_cast<u32>(*got))
                        : Result<>{std::unexpected(got.error())};
        if (!told && done == 0) return std::unexpected(told.error());
        if (!told) { // told by the next call
            if (told.error() != Errno::again && told.error() < Errno::restartsys)
                socket.options().error = static_cast<int>(told.error());
            break;
        }
        done++;
        if (flags & msg_waitforone) flags |= msg_dontwait;
        if (result & msg_oob || (until != never && left_until(until) == 0)) break;
    }
    return done;
}
} // namespace

Result<int> recvmmsg(Task& task, Fd fd, uptr messages, u32 count, u32 flags, UserPtr<__kernel_timespec> timeout) {
    if (flags & msg_cmsg_compat) return err::inval;
    Deadline until = TRY(deadline_in(timeout));
    auto socket = TRY(hold_socket(task, fd));
    int done = TRY(receive_many(task, *socket, messages, count, flags, until));
    if (timeout && done > 0) TRY(copy_out(timeout, to_timespec(left_until(until))));
    return done;
}
} // namespace linux_abi::sys
