#include "net/netlink/message.h"

namespace netlink {
void MessageWriter::append(const void* from, usize n) {
    usize padded = aligned(n);
    if (full_ || padded > room_.size() - at_) {
        full_ = true;
        return;
    }
    if (n) std::memcpy(room_.data() + at_, from, n);
    std::memset(room_.data() + at_ + n, 0, padded - n);
    at_ += padded;
}

void MessageWriter::begin(u16 type, u16 flags, u32 sequence, u32 port) {
    at_ = done_;
    full_ = false;
    put(nlmsghdr{0, type, flags, sequence, port});
}

void MessageWriter::attribute(u16 type, std::span<const std::byte> value) {
    put(nlattr{static_cast<u16>(sizeof(nlattr) + value.size()), type});
    append(value.data(), value.size());
}
void MessageWriter::text(u16 type, std::string_view s) {
    usize at = begin_nest(type);
    append(s.data(), s.size());
    if (s.size() % 4 == 0) append("", 1);
    if (full_) return;
    nlattr header{static_cast<u16>(sizeof(nlattr) + s.size() + 1), type};
    std::memcpy(room_.data() + at, &header, sizeof header);
}

usize MessageWriter::begin_nest(u16 type) {
    usize at = at_;
    put(nlattr{sizeof(nlattr), type});
    return at;
}
void MessageWriter::end_nest(usize at) {
    if (full_) return;
    u16 size = static_cast<u16>(at_ - at);
    std::memcpy(room_.data() + at, &size, sizeof size);
}

bool MessageWriter::end() {
    if (full_) return false;
    u32 size = static_cast<u32>(at_ - done_);
    std::memcpy(room_.data() + done_, &size, sizeof size);
    done_ = at_;
    return true;
}

Result<Attributes> Attributes::parse(std::span<const std::byte> payload, usize skip, u16 greatest, bool strict) {
    Attributes all;
    if (payload.size() < skip) return err::inval;
    payload = payload.subspan(skip);
    while (payload.size() >= sizeof(nlattr)) {
        nlattr header;
        std::memcpy(&header, payload.data(), sizeof header);
        if (header.nla_len < sizeof header || header.nla_len > payload.size())
            return strict ? err::inval : Result<Attributes>{all};
        u16 type = header.nla_type & static_cast<u16>(~(NLA_F_NESTED | NLA_F_NET_BYTEORDER));
        if (type <= greatest && type <= most)
            all.found_[type] = payload.subspan(sizeof header, header.nla_len - sizeof header);
        else if (strict)
            return err::inval;
        usize step = aligned(header.nla_len);
        payload = payload.subspan(step < payload.size() ? step : payload.size());
    }
    return all;
}

std::string_view Attributes::text(u16 type) const {
    std::string_view s{reinterpret_cast<const char*>(found_[type].data()), found_[type].size()};
    return s.substr(0, s.find('\0'));
}
} // namespace netlink
