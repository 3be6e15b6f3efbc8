// Sockets of AF_NETLINK: netlink(7).
#pragma once
#include "core/wait/mutex.h"
#include "kernel/socket/family.h"
#include "kernel/views/view.h"
#include "lib/chain.h"
#include "net/netlink/message.h"

namespace netlink {
class NetlinkSocket;
extern const sockets::Family family;
void watch_networks(); // notify.cpp: from now on changes of networks are told to the groups

/// One message to the kernel.
struct Request {
    NetlinkSocket& from;
    nlmsghdr header;
    std::span<const std::byte> payload;
    /// Told with the error, where the socket wants that (NETLINK_EXT_ACK).
    std::string_view explanation = {};
    bool lists = false; // a listing has begun: its end acknowledges it
    bool has(u16 flags) const { return (header.nlmsg_flags & flags) == flags; }
    /// The struct that the payload begins with. err::inval: it is shorter.
    template <class T>
    Result<T> fixed() const {
        T value;
        if (payload.size() < sizeof value) return err::inval;
        std::memcpy(&value, payload.data(), sizeof value);
        return value;
    }
    /// err::inval, with an explanation.
    Result<> fail(Errno error, std::string_view why) {
        explanation = why;
        return std::unexpected(error);
    }
};

/// A listing on its way: asked for its next messages whenever the reader has room.
struct Dump {
    Vector<std::byte> asked; // the payload of the request
    NetlinkSocket& to;
    u16 type = 0; // of the request
    u32 sequence = 0, port = 0;
    /// Writes as many messages as find room, the first at least; true: there are no more. `at` and `inner` are the
    /// lister's, 0 at the start.
    Result<bool> (*more)(Dump&, MessageWriter&) = nullptr;
    u64 at = 0, inner = 0;
    u16 flags = NLM_F_MULTI; // of its messages
    template <class T>
    T fixed() const { // zero where it is shorter
        T value{};
        std::memcpy(&value, asked.data(), asked.size() < sizeof value ? asked.size() : sizeof value);
        return value;
    }
};

/// NETLINK_*: a constant.
struct Protocol {
    int number;
    u32 groups;                              // how many there are
    bool anyone_listens;                     // who may have groups: everybody, or CAP_NET_ADMIN
    Result<> (*request)(Request&) = nullptr; // null: nobody takes any
};
extern const Protocol route_protocol, diag_protocol, uevent_protocol, generic_protocol;

/// What lies in a socket's queue.
struct Message {
    static Result<Box<Message>> create(std::span<const std::byte>, u32 port, u32 group);
    Message* next = nullptr;
    Vector<std::byte> bytes;
    u32 port = 0;  // who sends; 0: the kernel
    u32 group = 0; // to which; 0: to one
    usize memory() const { return sizeof(Message) + bytes.size(); }
};

class NetlinkSocket final : public sockets::Socket {
public:
    NetlinkSocket(const Protocol&, int type, View&, Ref<vfs::Inode>);
    ~NetlinkSocket() override;
    const Ref<NetworkNamespace> network;
    const Protocol& messages;

    Result<> bind(const sockets::Address&) override;
    Result<> connect(const sockets::Address&, Deadline until) override;
    Result<> local_address(sockets::Address&) override;
    Result<> peer_address(sockets::Address&) override;
    Result<usize> send(sockets::SendMessage&) override;
    Result<usize> receive(sockets::ReceiveMessage&) override;
    Result<> set_option(int level, int option, UserSpan<const std::byte> value) override;
    Result<usize> get_option(int level, int option, UserSpan<std::byte> value) override;
    u32 poll() override;
    WaitQueue& changed() override { return changed_; }
    bool passes_control() const override { return true; }

    /// The number that others reach it by; 0: none yet.
    u32 port() const { return port_.load(std::memory_order_relaxed); }
    bool strict() const { return on(strict_check); }
    /// Whether the caller may change the network.
    bool administers() const;
    /// Answers one request: `fill` writes one message's fixed part and attributes. err::nomem, err::nobufs.
    template <class F>
    Result<> reply(const Request& r, u16 type, F fill) {
        Vector<std::byte> room;
        TRY(room.resize(largest_reply));
        MessageWriter out{room};
        out.begin(type, 0, r.header.nlmsg_seq, port());
        fill(out);
        if (!out.end()) return err::msgsize;
        return enqueue(out.bytes(), 0, 0);
    }
    /// Begins a listing. err::busy: another one is on its way.
    Result<> start(Request&, Result<bool> (*more)(Dump&, MessageWriter&));
    /// To all sockets of a protocol in a network that hear of a group, but `except`.
    static void broadcast(const Protocol&, const NetworkNamespace& in, u32 group, u32 port, std::span<const std::byte>,
                          const NetlinkSocket* except = nullptr);
    /// The same by the kernel, to all sockets in whose network that stack is.
    static void broadcast(const Protocol&, NetworkNamespace::Objects& stack, u32 group, std::span<const std::byte>);
    /// Whether anybody hears of anything.
    static bool anybody_hears();
    /// For /proc/net/netlink: prints the sockets of a network that are in a bucket. False: there is no such bucket.
    static bool print_bucket(Writer&, const NetworkNamespace&, u64 bucket);
    NetlinkSocket* next_in_table() const { return next_; } // under its bucket's lock
    u64 groups() const { return groups_.load(std::memory_order_relaxed); }
    usize queued() const { return queued_.load(std::memory_order_relaxed); }
    u32 drops() const { return drops_.load(std::memory_order_relaxed); }

private:
    static constexpr usize largest_reply = 8192;
    enum Bit : u8 { packet_info, broadcast_error, no_enobufs, listen_all, cap_ack, ext_ack, strict_check };
    bool on(Bit b) const { return bits_.load(std::memory_order_relaxed) >> b & 1; }

    // table.cpp
    Result<> take_port(u32 wanted);
    Result<> choose_port();
    Result<> set_groups(u64);
    void leave_table();
    // options.cpp
    Result<> set_own_option(int option, int value);
    Result<> may_send_to(u32 port, u32 groups) const;
    /// Puts a message into the queue. err::nobufs: it is full; the reader is told.
    Result<> enqueue(std::span<const std::byte>, u32 port, u32 group);
    void overflow();
    Result<> send_to(u32 port, std::span<const std::byte>);
    void take_requests(std::span<const std::byte>);
    void acknowledge(const Request&, Errno);
    Result<> next_piece();
    Box<Message> pop();

    sockets::Options options_;
    WaitQueue changed_;
    const Ref<Cgroup> payer_;
    const Ref<PidNumber> maker_;
    std::atomic<u32> port_ = 0, bits_ = 0, drops_ = 0;
    std::atomic<u64> groups_ = 0;
    std::atomic<u32> peer_port_ = 0, peer_groups_ = 0;
    NetlinkSocket* next_ = nullptr; // in the table's bucket
    /// One reader at a time, and one who lists.
    Mutex<Rank::socket> reading_;
    Box<Dump> dump_;                    // under `reading_`
    usize largest_read_ = 0;            // the same
    Spinlock<Rank::socket_state> lock_; // the queue
    Message *first_ = nullptr, *last_ = nullptr;
    std::atomic<usize> queued_ = 0;
    std::atomic<bool> congested_ = false; // what comes is dropped until the queue is empty
};
} // namespace netlink
