// Open sockets: what the calls on them do, whatever their family.
#pragma once
#include "kernel/file/file.h"
#include "kernel/socket/message.h"
#include "kernel/socket/options.h"
#include "kernel/vfs/inode.h"

class View;

namespace sockets {
struct Family;

/// Base of all sockets. As with every file, operations do not wait: they answer err::again where they would, and
/// send(), receive() and accept() below do the waiting, by poll() and changed(). Defaults are Linux's answers for a
/// family that lacks the operation. Called without locks held.
///
/// What arrives must never wait for somebody who copies to user memory: a family's state is under a spinlock
/// (Rank::socket_state), and a mutex (Rank::socket) keeps readers apart, who copy without the spinlock.
class Socket : public File {
public:
    const Family& family() const { return family_; }
    int domain() const;
    int type() const { return type_; } // SOCK_*
    int protocol() const { return protocol_; }
    /// Lies where the family keeps its state, so that what has no file yet (a connection to be accepted) has them too.
    Options& options() { return options_; }

    virtual Result<> bind(const Address&) { return err::opnotsupp; }
    /// `backlog` is at most somaxconn, as unsigned.
    virtual Result<> listen(unsigned backlog) { return (void)backlog, err::opnotsupp; }
    virtual Result<Ref<Socket>> accept() { return err::opnotsupp; } // err::again
    /// Waits by itself, if it must: what for differs too much. err::inprogress, err::again when `until` has passed.
    virtual Result<> connect(const Address&, Deadline until) { return (void)until, err::opnotsupp; }
    virtual Result<> local_address(Address&) { return err::opnotsupp; }
    virtual Result<> peer_address(Address&) { return err::opnotsupp; } // err::notconn
    /// err::again: nothing was sent. err::pipe: SIGPIPE is the caller's to send, where raises_pipe_signal(). A stream
    /// may take a part.
    virtual Result<usize> send(SendMessage&) { return err::opnotsupp; }
    /// err::again: less than is to be waited for (MSG_WAITALL, SO_RCVLOWAT of a stream) has been moved so far; what
    /// has, stays moved. With MSG_TRUNC the size that it had. 0: the end.
    virtual Result<usize> receive(ReceiveMessage&) { return err::opnotsupp; }
    virtual Result<> shutdown(int how) { return (void)how, err::opnotsupp; } // SHUT_*, valid

    /// Options of other levels, and what a family changes of SOL_SOCKET's (then it calls this for the others).
    /// err::noprotoopt: unknown; err::opnotsupp: it has no options of that level.
    virtual Result<> set_option(int level, int option, UserSpan<const std::byte> value);
    /// Returns the size to be told to the user.
    virtual Result<usize> get_option(int level, int option, UserSpan<std::byte> value);
    /// Whether it listens (SO_ACCEPTCONN).
    virtual bool listens() const { return false; }
    /// Who is at the other end: SO_PEERCRED, SO_PEERPIDFD. Null: nobody knows.
    virtual Identity peer_identity() { return {}; }
    /// SO_PEERGROUPS; null: err::nodata.
    virtual Ref<const Credentials> peer_credentials() { return {}; }
    /// SO_PEEK_OFF is known.
    virtual bool can_peek_at() const { return false; }
    /// A buffer's limit has changed: writers may have room now.
    virtual void limits_changed() {}
    /// MSG_* that write(2) sends with.
    virtual u32 write_flags() const { return 0; }
    /// Whether rights and identities go with its messages: SCM_RIGHTS, SCM_CREDENTIALS and the like.
    virtual bool passes_control() const { return false; }
    /// Its filter is another one from now on; null: none. err::inval: the family has none.
    virtual Result<> change_filter(Ref<bpf::Program>) { return err::inval; }
    virtual Ref<bpf::Program> filter() { return {}; }
    /// A number that no other socket has: SO_COOKIE.
    u64 cookie() const;

    // As a file.
    Result<usize> read(Sink&, u64*) final;
    Result<usize> write(Source&, u64*) final;
    Deadline patience(bool writes) const final;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    bool can_notify_owner() const final { return true; }
    bool raises_pipe_signal() const override { return type_ == 1; } // SOCK_STREAM
    const void* kind() const final { return &kind_tag; }
    vfs::Inode* inode() final { return inode_.get(); }
    void print_name(Writer&) final;
    static constexpr char kind_tag = 0;

protected:
    /// `inode`: make_inode()'s. Its flags are O_RDWR.
    Socket(const Family&, int type, int protocol, Options&, Ref<vfs::Inode> inode);
    ~Socket() override;

private:
    const Family& family_;
    Options& options_;
    const Ref<vfs::Inode> inode_;
    const u8 type_;
    const int protocol_;
};

/// The inode that fstat(2) shows. err::nomem.
Result<Ref<vfs::Inode>> make_inode();
/// The socket that a file is. err::notsock.
inline Result<Socket*> of(File& file) {
    if (file.kind() != &Socket::kind_tag) return err::notsock;
    return static_cast<Socket*>(&file);
}

/// What the calls do once their arguments are known. They wait as MSG_DONTWAIT, O_NONBLOCK and the socket's timeouts
/// say. err::again: the time is over; err::restartsys, or with a timeout err::intr: a signal.
Result<usize> send(Socket&, SendMessage&);       // sends SIGPIPE, but for MSG_NOSIGNAL
Result<usize> receive(Socket&, ReceiveMessage&); // gives control data to its sink
Result<Ref<Socket>> accept(Socket&);
Result<> connect(Socket&, const Address&);
} // namespace sockets
