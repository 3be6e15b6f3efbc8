#include "net/inet/dhcp6.h"
#include <algorithm>

namespace net::inet {
namespace {
constexpr u64 second = Dhcp6Client::second;
constexpr u64 first_interval = second, longest_delay = second; // RFC 8415, 7.6: INF_TIMEOUT, INF_MAX_DELAY
constexpr u32 least_refresh = 600, least_longest_wait = 60, most_longest_wait = 86400;

enum Type : u8 { type_reply = 7, type_information_request = 11 };
enum Option : u16 {
    option_client = 1,
    option_server = 2,
    option_wanted = 6,
    option_elapsed = 8,
    option_status = 13,
    option_dns = 23,
    option_domains = 24,
    option_refresh = 32,
    option_longest_wait = 83,
};

struct OptionHeader {
    Big16 code, length;
};
/// DUID-LL (RFC 8415, 11.4).
struct Identifier {
    Big16 type = u16{3}, hardware = u16{1};
    LinkAddress link;
    friend bool operator==(const Identifier& a, const Identifier& b) {
        return u16{a.type} == b.type && u16{a.hardware} == b.hardware && a.link == b.link;
    }
};
static_assert(sizeof(Identifier) == 10);

void take_servers(Dhcp6Reply& reply, Reader content) {
    while (reply.dns_count < reply.most_servers) {
        auto bytes = content.take<std::array<u8, 16>>();
        if (!bytes) return;
        Address a{*bytes};
        if (!a.is_v4() && a.valid_source() && !a.unspecified() && !a.loopback()) reply.dns[reply.dns_count++] = a;
    }
}

/// Text that grows as far as there is room.
struct Text {
    char bytes[200];
    usize size = 0;
    bool append(std::string_view s) {
        if (s.size() > sizeof bytes - size) return false;
        std::copy(s.begin(), s.end(), bytes + size);
        size += s.size();
        return true;
    }
    std::string_view view() const { return {bytes, size}; }
};

/// A name as RFC 1035, 3.1 has it. Empty: one that does not fit, or that programs might not read as one. Nothing: what
/// follows cannot be read either.
std::optional<Text> take_name(Reader& content) {
    constexpr u8 longest_label = 63;
    Text name;
    bool fits = true;
    while (auto length = content.take<u8>()) {
        if (*length > longest_label) return std::nullopt;
        if (*length == 0) return fits ? name : Text{};
        if (name.size) fits = name.append(".") && fits;
        for (unsigned i = 0; i < *length; i++) {
            auto c = content.take<char>();
            if (!c) return std::nullopt;
            bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                         *c == '-' || *c == '_';
            fits = name.append({&*c, 1}) && plain && fits;
        }
    }
    return std::nullopt;
}
void take_domains(Text& search, Reader content) {
    while (content.remaining()) {
        auto name = take_name(content);
        if (!name) return;
        usize before = search.size;
        if (!name->size || (before && !search.append(" "))) continue;
        if (!search.append(name->view())) search.size = before;
    }
}
} // namespace

Result<Dhcp6Reply> parse_dhcp6(const Packet& p, const LinkAddress& client) {
    Reader r{p};
    auto start = r.take<Big32>();
    if (!start || *start >> 24 != type_reply) return err::inval;
    Dhcp6Reply reply{.transaction = *start & 0xff'ffff};
    Text search;
    bool for_us = false, from_server = false;
    while (r.remaining()) {
        auto o = r.take<OptionHeader>();
        usize at = r.offset();
        if (!o || !r.skip(o->length)) return err::inval;
        Reader content{p, at, r.offset()};
        switch (o->code) {
        case option_client:
            for_us = o->length == sizeof(Identifier) && content.take<Identifier>() == Identifier{.link = client};
            break;
        case option_server: from_server = o->length != 0; break;
        case option_status:
            if (content.take<Big16>().value_or(u16{1}) != 0) return err::inval;
            break;
        case option_dns: take_servers(reply, content); break;
        case option_domains: take_domains(search, content); break;
        case option_refresh: reply.refresh = std::max<u32>(content.take<Big32>().value_or(0), least_refresh); break;
        case option_longest_wait:
            if (u32 s = content.take<Big32>().value_or(0); s >= least_longest_wait && s <= most_longest_wait)
                reply.longest_wait = s;
            break;
        default: break;
        }
    }
    reply.search.assign(search.view());
    return for_us && from_server ? Result<Dhcp6Reply>{reply} : err::inval;
}

Result<PacketBox> make_dhcp6(u32 transaction, u16 hundredths, const LinkAddress& client) {
    struct {
        Big32 start;
        OptionHeader client_header{u16{option_client}, u16{sizeof(Identifier)}};
        Identifier client;
        OptionHeader elapsed_header{u16{option_elapsed}, u16{2}};
        Big16 elapsed;
        OptionHeader wanted_header{u16{option_wanted}, u16{8}};
        Big16 wanted[4] = {u16{option_dns}, u16{option_domains}, u16{option_refresh}, u16{option_longest_wait}};
    } m{.start = u32{type_information_request} << 24 | transaction, .client = {.link = client}, .elapsed = hundredths};
    static_assert(sizeof m == 36);
    auto p = TRY(Packet::create(sizeof m));
    std::memcpy(p->append_linear(sizeof m).data(), &m, sizeof m);
    return p;
}

u64 Dhcp6Client::random(u64 below) {
    u64 n = randoms_++;
    return random_({reinterpret_cast<const char*>(&n), sizeof n}) % below;
}

/// Many hosts hear a router at once.
void Dhcp6Client::wait(u64 from) {
    state_ = State::waiting;
    next_ = from + random(longest_delay);
}

void Dhcp6Client::start(u64 now) {
    if (state_ == State::idle) wait(now);
}

void Dhcp6Client::stop(Output& out) {
    state_ = State::idle;
    next_ = never;
    if (std::exchange(has_told_, false)) out.told_by_dhcp6({});
}

void Dhcp6Client::timer(u64 now, Output& out) {
    if (next_ > now) return;
    if (state_ == State::told) return wait(now);
    if (state_ == State::waiting) {
        state_ = State::asking;
        transaction_ = static_cast<u32>(random(1 << 24));
        begun_ = now;
        interval_ = first_interval;
    } else {
        interval_ = std::min(2 * interval_, longest_);
    }
    next_ = now + about(interval_);
    u64 hundredths = (now - begun_) / (second / 100);
    if (auto p = make_dhcp6(transaction_, static_cast<u16>(std::min<u64>(hundredths, 0xffff)), link_))
        out.send_dhcp6(std::move(*p));
}

void Dhcp6Client::received(const Packet& data, u64 now, Output& out) {
    if (state_ != State::asking) return;
    auto reply = parse_dhcp6(data, link_);
    if (!reply || reply->transaction != transaction_) return;
    state_ = State::told;
    longest_ = reply->longest_wait * second;
    next_ = reply->refresh == Dhcp6Reply::infinite ? never : now + reply->refresh * second;
    has_told_ = true;
    out.told_by_dhcp6(*reply);
}
} // namespace net::inet
