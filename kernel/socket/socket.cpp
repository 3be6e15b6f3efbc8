#include "kernel/socket/socket.h"
#include "core/rng/rng.h"
#include "kernel/file/block_on.h"
#include "kernel/file/current.h"
#include "kernel/socket/family.h"
#include "kernel/socket/numbers.h"
#include "kernel/vfs/anonymous.h"
#include <asm/fcntl.h>
#include <linux/stat.h>

namespace sockets {
Socket::Socket(const Family& family, int type, int protocol, Options& options, Ref<vfs::Inode> inode)
    : family_{family}, options_{options}, inode_{std::move(inode)}, type_{static_cast<u8>(type)}, protocol_{protocol} {
    flags.store(O_RDWR, std::memory_order_relaxed);
}
Socket::~Socket() = default;
int Socket::domain() const { return family_.domain; }

Result<Ref<vfs::Inode>> make_inode() { return vfs::make_anonymous_inode(S_IFSOCK | 0777); }

void Socket::print_name(Writer& out) { print(out, "socket:[{}]", inode_->number()); }
u64 Socket::cookie() const { return inode_->number(); }
Result<i64> Socket::ioctl(unsigned request, uptr argument) {
    auto internet = find_family(af_inet);
    if (!internet || !(*internet)->network_ioctl) return err::notty;
    return (*internet)->network_ioctl(request, argument);
}
Deadline Socket::patience(bool writes) const {
    return deadline_of(writes ? options_.send_timeout_ns : options_.receive_timeout_ns, false);
}

Result<usize> Socket::read(Sink& to, u64*) {
    if (to.done()) return 0;
    ReceiveMessage m{.data = to, .flags = nonblocking() ? u32{msg_dontwait} : 0};
    auto n = receive(m);
    // splice(2) reads with a pipe's lock held, and the pipe may be among them.
    Rights::close_later(std::move(m.rights));
    Rights::close_later(std::move(m.lost));
    return n;
}
Result<usize> Socket::write(Source& from, u64*) {
    SendMessage m{.data = from, .flags = write_flags() | (nonblocking() ? u32{msg_dontwait} : 0)};
    if (from.more && type_ == sock_stream) [[unlikely]]
        m.flags |= msg_more;
    return send(m);
}

using file::ended, file::is_again;

namespace {
/// Goes on after a first attempt: a stream until all is sent.
[[gnu::noinline]] Result<usize> send_on(Socket& s, SendMessage& m, Result<usize> answer) {
    if (is_again(answer) && m.until == at_once) return answer;
    auto attempt = [&] { return s.send(m); };
    if (is_again(answer)) answer = wait_and_attempt(s, file::to_write, m.until, attempt);
    while (answer && *answer && !m.data.done()) answer = block_on(s, file::to_write, m.until, attempt);
    if (m.data.moved() && s.type() == sock_stream) return m.data.moved();
    if (!answer && answer.error() == Errno::pipe && s.raises_pipe_signal() && !(m.flags & msg_nosignal))
        file::broken_pipe();
    return ended(answer, m.until);
}
/// What has come with the bytes, in Linux's order.
void deliver(Socket& s, ReceiveMessage& m) {
    bool identity = s.options().on(Flag::pass_credentials), process = s.options().on(Flag::pass_pidfd);
    if (!m.control) {
        if (identity || process || m.rights) m.result |= msg_ctrunc;
        return;
    }
    if (identity) m.control->put_identity(m.identity);
    if (m.rights) m.control->put_rights(*m.rights);
    if (process) m.control->put_process(m.identity.process.get());
}
} // namespace

Result<usize> send(Socket& s, SendMessage& m) {
    if (s.nonblocking()) m.flags |= msg_dontwait;
    m.until = deadline_of(s.options().send_timeout_ns, m.flags & msg_dontwait);
    auto answer = s.send(m);
    if (answer && m.data.done()) [[likely]]
        return answer;
    return send_on(s, m, answer);
}

Result<usize> receive(Socket& s, ReceiveMessage& m) {
    if (s.nonblocking()) m.flags |= msg_dontwait;
    auto answer = s.receive(m);
    if (is_again(answer)) {
        Deadline until = deadline_of(s.options().receive_timeout_ns, m.flags & msg_dontwait);
        auto attempt = [&] { return s.receive(m); };
        if (until != at_once) answer = ended(wait_and_attempt(s, file::to_read, until, attempt), until);
        if (!answer && m.data.moved()) answer = m.data.moved();
    }
    if (answer && s.passes_control()) deliver(s, m);
    return answer;
}

Result<Ref<Socket>> accept(Socket& s) {
    Deadline until = deadline_of(s.options().receive_timeout_ns, s.nonblocking());
    return ended(block_on(s, file::to_read, until, [&] { return s.accept(); }), until);
}

Result<> connect(Socket& s, const Address& to) {
    Deadline until = deadline_of(s.options().send_timeout_ns, s.nonblocking());
    return ended(s.connect(to, until), until);
}
} // namespace sockets
