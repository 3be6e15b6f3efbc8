#include "net/inet/dhcp.h"
#include <algorithm>

namespace net::inet {
namespace {
constexpr u64 second = DhcpClient::second, never = ~u64{0};
constexpr u64 first_wait = 4 * second, longest_wait = 64 * second; // 4.1
constexpr u64 least_renewal_wait = 60 * second;                    // 4.4.5
constexpr unsigned most_requests = 4, most_reboots = 2;
constexpr u64 pause_after_refusal = 10 * second;
} // namespace

DhcpClient::DhcpClient(const LinkAddress& link, SipHash random, std::string_view host_name)
    : link_{link}, random_{random}, host_name_{host_name} {}

u64 DhcpClient::random(u64 below) {
    u64 n = randoms_++;
    return random_({reinterpret_cast<const char*>(&n), sizeof n}) % below;
}

/// What is asked from now on has a number of its own: late answers to what was asked before are not taken.
void DhcpClient::begin(State state, u64 now) {
    state_ = state;
    transaction_ = static_cast<u32>(random(u64{1} << 32));
    tries_ = 0;
    begun_ = now;
}

void DhcpClient::start(u64 now, Output& out) {
    if (state_ != State::idle) return;
    if (!has_lease_) return select(now, out);
    if (now >= expires_at_) return start_over(now, out);
    begin(State::rebooting, now);
    ask(now, out);
}

void DhcpClient::pause() {
    state_ = State::idle;
    next_ = never;
}

void DhcpClient::release(u64 now, Output& out) {
    if (has_lease_) {
        begin(State::idle, now);
        auto message = make_dhcp({.type = DhcpType::release,
                                  .transaction = transaction_,
                                  .seconds = 0,
                                  .client = link_,
                                  .own = lease_.address,
                                  .server = lease_.server,
                                  .host_name = {}});
        if (message) out.send(std::move(*message), lease_.address, lease_.server);
        lose(out);
    }
    pause();
}

void DhcpClient::select(u64 now, Output& out) {
    begin(State::selecting, now);
    ask(now, out);
}

/// Sends what the state asks for, and says when it is sent again (4.1: after 4, 8, 16 ... seconds, one more or less;
/// 4.4.5: in the middle of what is left).
void DhcpClient::ask(u64 now, Output& out) {
    bool has_address = state_ == State::renewing || state_ == State::rebinding;
    bool chosen = state_ == State::requesting;
    DhcpQuestion q{.type = state_ == State::selecting ? DhcpType::discover : DhcpType::request,
                   .transaction = transaction_,
                   .seconds = static_cast<u16>(std::min<u64>((now - begun_) / second, 0xffff)),
                   .client = link_,
                   .own = has_address ? lease_.address : any_v4,
                   .requested = chosen                       ? offer_.address
                                : state_ == State::rebooting ? lease_.address
                                                             : any_v4,
                   .server = chosen ? offer_.server : any_v4,
                   .host_name = host_name_.view()};
    if (auto message = make_dhcp(q))
        out.send(std::move(*message), q.own, state_ == State::renewing ? lease_.server : Address::v4(~u32{0}));
    u64 wait = std::min(first_wait << std::min(tries_, 10u), longest_wait) - second + random(2 * second);
    if (has_address) {
        u64 end = state_ == State::renewing ? rebind_at_ : expires_at_;
        wait = std::max((end - std::min(now, end)) / 2, least_renewal_wait);
    }
    tries_++;
    next_ = now + wait;
}

u64 DhcpClient::deadline() const {
    if (!has_lease_) return next_;
    u64 lease = state_ == State::bound ? renew_at_ : state_ == State::renewing ? rebind_at_ : expires_at_;
    return std::min({next_, lease, expires_at_});
}

void DhcpClient::timer(u64 now, Output& out) {
    if (now < deadline()) return;
    if (has_lease_ && now >= expires_at_) {
        if (state_ != State::idle) return start_over(now, out);
        return lose(out);
    }
    switch (state_) {
    case State::idle: return;
    case State::selecting: return ask(now, out);
    case State::requesting:
        if (tries_ < most_requests) return ask(now, out);
        return select(now, out);
    case State::rebooting: // nobody says that it is not ours (4.4.2)
        if (tries_ < most_reboots) return ask(now, out);
        state_ = State::bound;
        next_ = never;
        return timer(now, out);
    case State::bound:
    case State::renewing:
        if (now >= rebind_at_)
            begin(State::rebinding, now);
        else if (state_ == State::bound)
            begin(State::renewing, now);
        return ask(now, out);
    case State::rebinding: return ask(now, out);
    }
}

void DhcpClient::received(const Packet& data, u64 now, Output& out) {
    if (state_ == State::idle || state_ == State::bound) return;
    auto reply = parse_dhcp(data);
    if (!reply || reply->transaction != transaction_ || reply->client != link_) return;
    switch (reply->type) {
    case DhcpType::offer: return take_offer(*reply, now, out);
    case DhcpType::ack: return take_lease(*reply, now, out);
    case DhcpType::nak:
        if (state_ == State::selecting) return;
        if (state_ == State::requesting && reply->lease.server != offer_.server) return;
        return start_over(now, out);
    default: return;
    }
}

void DhcpClient::take_offer(const DhcpReply& reply, u64 now, Output& out) {
    if (state_ != State::selecting || reply.lease.server == any_v4) return;
    offer_ = reply.lease;
    u32 transaction = transaction_;
    begin(State::requesting, now);
    transaction_ = transaction; // table 5: of the offer
    ask(now, out);
}

void DhcpClient::take_lease(const DhcpReply& reply, u64 now, Output& out) {
    if (state_ == State::selecting) return;
    const DhcpLease& now_lent = reply.lease;
    const Address& expected = state_ == State::requesting ? offer_.address : lease_.address;
    if (now_lent.address != expected || (state_ == State::requesting && now_lent.server != offer_.server)) return;
    Address server = now_lent.server == any_v4 ? lease_.server : now_lent.server;
    lease_ = now_lent;
    lease_.server = server;
    has_lease_ = true;
    state_ = State::bound;
    next_ = never;
    u64 length = std::max(lease_.seconds, least_seconds);
    bool forever = lease_.seconds == DhcpLease::infinite;
    u64 rebind = lease_.rebind_after, renew = lease_.renew_after; // 4.4.5
    if (rebind <= least_seconds / 2 || rebind >= length) rebind = length * 7 / 8;
    if (renew < least_seconds / 2 || renew >= rebind) renew = std::min(length / 2, rebind - 1);
    expires_at_ = forever ? never : now + length * second;
    rebind_at_ = forever ? never : now + rebind * second;
    renew_at_ = forever ? never : now + renew * second;
    out.bound(lease_);
}

/// Nobody has the address any more: after a while everything begins anew.
void DhcpClient::start_over(u64 now, Output& out) {
    bool had = has_lease_;
    lose(out);
    if (had) return select(now, out);
    begin(State::selecting, now); // who was refused at once does not ask at once
    next_ = now + pause_after_refusal;
}

void DhcpClient::lose(Output& out) {
    if (!std::exchange(has_lease_, false)) return;
    renew_at_ = rebind_at_ = expires_at_ = never;
    out.lost(lease_);
}
} // namespace net::inet
