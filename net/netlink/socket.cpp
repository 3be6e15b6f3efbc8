#include "net/netlink/socket.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include <algorithm>
#include <linux/capability.h>
#include <linux/eventpoll.h>

namespace netlink {
using namespace sockets;

namespace {
constexpr usize least_piece = 3776, largest_piece = 32768 - 320; // of a listing, as Linux cuts them
constexpr const Protocol* all[] = {&route_protocol, &diag_protocol, &uevent_protocol, &generic_protocol};

Result<Ref<Socket>> create(int type, int protocol) {
    if (type != sock_raw && type != sock_dgram) return err::socktnosupport;
    Caller* who = Caller::current();
    View& view = who ? who->view() : View::root();
    if (protocol == NETLINK_ROUTE) watch_networks();
    for (const Protocol* p : all)
        if (p->number == protocol) return TRY(make_ref<NetlinkSocket>(*p, type, view, TRY(make_inode())));
    return err::protonosupport;
}
Address address_of(u32 port, u32 groups) {
    sockaddr_nl a{};
    a.nl_family = af_netlink;
    a.nl_pid = port;
    a.nl_groups = groups;
    return Address{std::as_bytes(std::span{&a, 1})};
}
Result<sockaddr_nl> parse_address(const Address& a) {
    sockaddr_nl named;
    if (a.size < sizeof named || a.family() != af_netlink) return err::inval;
    std::memcpy(&named, a.bytes, sizeof named);
    return named;
}
} // namespace

constinit const Family family{.domain = af_netlink, .name = "NETLINK", .create = create};

Result<Box<Message>> Message::create(std::span<const std::byte> bytes, u32 port, u32 group) {
    auto m = TRY(make<Message>());
    TRY(m->bytes.append(bytes));
    m->port = port;
    m->group = group;
    return m;
}

NetlinkSocket::NetlinkSocket(const Protocol& of, int type, View& view, Ref<vfs::Inode> inode)
    : Socket{netlink::family, type, of.number, options_, std::move(inode)},
      network{view.network},
      messages{of},
      payer_{view.cgroup} {}
NetlinkSocket::~NetlinkSocket() {
    leave_table();
    while (pop()) {}
}

bool NetlinkSocket::administers() const {
    Caller* who = Caller::current();
    return !who || who->credentials().can_in(network->owner.get(), CAP_NET_ADMIN);
}

Result<> NetlinkSocket::bind(const Address& a) {
    auto named = TRY(parse_address(a));
    u64 before = groups();
    if (named.nl_groups && !messages.anyone_listens && !administers()) return err::perm;
    if (port() && named.nl_pid != port()) return err::inval;
    if (!port()) TRY(named.nl_pid ? take_port(named.nl_pid) : choose_port());
    u64 known = messages.groups < 32 ? (u64{1} << messages.groups) - 1 : 0xffff'ffff;
    return set_groups((before & ~u64{0xffff'ffff}) | (named.nl_groups & known));
}

Result<> NetlinkSocket::may_send_to(u32 to, u32 to_groups) const {
    return (to || to_groups) && !administers() ? Result<>{err::perm} : Result<>{};
}

Result<> NetlinkSocket::connect(const Address& a, Deadline) {
    if (a.size < sizeof(u16)) return err::inval;
    if (a.family() == af_unspec) {
        peer_port_ = peer_groups_ = 0;
        return {};
    }
    auto named = TRY(parse_address(a));
    TRY(may_send_to(named.nl_pid, named.nl_groups));
    if (!port()) TRY(choose_port());
    peer_port_ = named.nl_pid;
    peer_groups_ = named.nl_groups;
    return {};
}

Result<> NetlinkSocket::local_address(Address& to) {
    to = address_of(port(), static_cast<u32>(groups()));
    return {};
}
Result<> NetlinkSocket::peer_address(Address& to) {
    u32 first = peer_groups_ ? u32{1} << std::countr_zero(peer_groups_.load()) : 0;
    to = address_of(peer_port_, first);
    return {};
}

Result<usize> NetlinkSocket::send(SendMessage& m) {
    if (m.flags & msg_oob) return err::opnotsupp;
    u32 to = peer_port_, to_groups = peer_groups_;
    if (m.to && m.to->size) {
        auto named = TRY(parse_address(*m.to));
        TRY(may_send_to(named.nl_pid, named.nl_groups));
        to = named.nl_pid;
        to_groups = named.nl_groups;
    }
    if (!port()) TRY(choose_port());
    usize size = m.data.remaining();
    if (size + 32 > options_.send_buffer.load(std::memory_order_relaxed)) return err::msgsize;
    Vector<std::byte> bytes;
    TRY(bytes.resize(size));
    if (size) TRY(m.data.get_all(bytes));
    std::span<const std::byte> sent{bytes.data(), size};
    for (u32 left = to_groups; left; left &= left - 1)
        broadcast(messages, *network, static_cast<u32>(std::countr_zero(left)) + 1, port(), sent, this);
    if (to)
        TRY(send_to(to, sent));
    else if (messages.request)
        take_requests(sent);
    else if (!to_groups)
        return err::connrefused;
    return size;
}

/// Requests one behind the other; each is answered before the next one is looked at.
void NetlinkSocket::take_requests(std::span<const std::byte> bytes) {
    while (bytes.size() >= sizeof(nlmsghdr)) {
        nlmsghdr header;
        std::memcpy(&header, bytes.data(), sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return;
        Request r{*this, header, bytes.subspan(sizeof header, header.nlmsg_len - sizeof header)};
        Result<> done;
        bool is_request = header.nlmsg_flags & NLM_F_REQUEST && header.nlmsg_type >= NLMSG_MIN_TYPE;
        if (is_request) done = messages.request(r);
        if (!done || (r.has(NLM_F_ACK) && !r.lists)) acknowledge(r, done ? Errno{} : done.error());
        bytes = bytes.subspan(std::min(aligned(header.nlmsg_len), bytes.size()));
    }
}

void NetlinkSocket::acknowledge(const Request& r, Errno error) {
    bool whole = error != Errno{} && !on(cap_ack);
    bool explains = error != Errno{} && on(ext_ack) && !r.explanation.empty();
    Vector<std::byte> room;
    if (!room.resize(sizeof(nlmsghdr) + sizeof(nlmsgerr) + aligned(r.payload.size()) + 256)) return overflow();
    MessageWriter out{room};
    u16 flags = static_cast<u16>((whole ? 0 : NLM_F_CAPPED) | (explains ? NLM_F_ACK_TLVS : 0));
    out.begin(NLMSG_ERROR, flags, r.header.nlmsg_seq, port());
    out.put(nlmsgerr{-static_cast<int>(error), r.header});
    if (whole) out.put(r.payload);
    if (explains) out.text(NLMSGERR_ATTR_MSG, r.explanation);
    if (out.end()) (void)enqueue(out.bytes(), 0, 0);
}

void NetlinkSocket::overflow() {
    drops_.fetch_add(1, std::memory_order_relaxed);
    if (on(no_enobufs)) return;
    if (!congested_.exchange(true)) options_.error = static_cast<int>(Errno::nobufs);
    changed_.notify_all(EPOLLERR | EPOLLIN);
}

Result<> NetlinkSocket::enqueue(std::span<const std::byte> bytes, u32 from, u32 group) {
    Charging charging{*payer_->account};
    bool full = queued() > options_.receive_buffer.load(std::memory_order_relaxed) || congested_;
    auto m = full ? Result<Box<Message>>{err::nobufs} : Message::create(bytes, from, group);
    if (!m) {
        overflow();
        return err::nobufs;
    }
    Message* entered = m->release();
    {
        Holding held{lock_};
        (last_ ? last_->next : first_) = entered;
        last_ = entered;
        queued_.fetch_add(entered->memory(), std::memory_order_relaxed);
    }
    changed_.notify_one(EPOLLIN | EPOLLRDNORM);
    return {};
}

Box<Message> NetlinkSocket::pop() {
    Holding held{lock_};
    Message* m = first_;
    if (!m) return nullptr;
    first_ = m->next;
    if (!first_) last_ = nullptr, congested_ = false;
    queued_.fetch_sub(m->memory(), std::memory_order_relaxed);
    return Box<Message>{m};
}

Result<> NetlinkSocket::start(Request& r, Result<bool> (*more)(Dump&, MessageWriter&)) {
    Holding one{reading_};
    if (dump_) return err::busy;
    auto d = TRY(make<Dump>(Vector<std::byte>{}, *this, r.header.nlmsg_type, r.header.nlmsg_seq, port(), more));
    TRY(d->asked.append(r.payload));
    dump_ = std::move(d);
    r.lists = true;
    auto begun = next_piece();
    if (!begun) dump_ = nullptr, r.lists = false;
    return begun;
}

/// Of the listing, into the queue. Under `reading_`.
Result<> NetlinkSocket::next_piece() {
    Charging charging{*payer_->account};
    Vector<std::byte> room;
    TRY(room.resize(std::clamp(largest_read_, least_piece, largest_piece)));
    MessageWriter out{room};
    auto ended = dump_->more(*dump_, out);
    if (ended && !*ended && out.bytes().empty()) ended = err::msgsize; // else it would never end
    if (!ended && out.bytes().empty() && dump_->at == 0) return std::unexpected(ended.error());
    if (!ended || *ended) {
        out.begin(NLMSG_DONE, dump_->flags, dump_->sequence, dump_->port);
        out.put(ended ? 0 : -static_cast<int>(ended.error()));
        if (out.end()) dump_ = nullptr;
    }
    return enqueue(out.bytes(), 0, 0);
}

Result<usize> NetlinkSocket::receive(ReceiveMessage& m) {
    if (m.flags & msg_oob) return err::opnotsupp;
    Holding one{reading_};
    TRY(check_error(options_));
    Box<Message> taken;
    Message* p;
    {
        Holding held{lock_};
        p = first_;
    }
    if (!p) return err::again;
    largest_read_ = std::max(largest_read_, m.data.remaining());
    usize size = p->bytes.size(), n = std::min(size, m.data.remaining());
    if (!m.peeks()) taken = pop();
    if (n < size) m.result |= msg_trunc;
    if (n && TRY(m.data.put(std::span{p->bytes.data(), n})) < n) return err::fault;
    if (m.from) *m.from = address_of(p->port, p->group ? u32{1} << ((p->group - 1) & 31) : 0);
    if (m.control && on(packet_info)) m.control->put_value(270, NETLINK_PKTINFO, nl_pktinfo{p->group});
    m.identity = {};
    if (dump_ && !m.peeks() && queued() <= options_.receive_buffer.load(std::memory_order_relaxed) / 2)
        if (auto next = next_piece(); !next) dump_ = nullptr, options_.error = static_cast<int>(next.error());
    return m.flags & msg_trunc ? size : n;
}

u32 NetlinkSocket::poll() {
    u32 ready = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    if (queued()) ready |= EPOLLIN | EPOLLRDNORM;
    if (options_.error.load(std::memory_order_relaxed)) ready |= EPOLLERR;
    return ready;
}
} // namespace netlink
