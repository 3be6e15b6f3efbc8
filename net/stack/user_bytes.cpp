#include "net/stack/user_bytes.h"
#include <algorithm>

namespace net {
Result<> ByteAppender::append(Packet& p, Source& from, usize n) {
    while (n) {
        if (!page_ || used_ == page_size) {
            page_ = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing));
            used_ = 0;
        }
        auto to = std::span<std::byte>{page_->bytes()}.subspan(used_, std::min<usize>(n, page_size - used_));
        TRY(from.get_all(to));
        TRY(p.append(Piece{page_, used_, static_cast<u32>(to.size())}));
        used_ += static_cast<u32>(to.size());
        n -= to.size();
    }
    return {};
}

Result<PacketBox> packet_of(Source& from, usize n) {
    if (n > Packet::most_linear) {
        auto p = TRY(Packet::create());
        ByteAppender bytes;
        TRY(bytes.append(*p, from, n));
        return p;
    }
    auto p = TRY(Packet::create(n));
    if (n) TRY(from.get_all(p->append_linear(n)));
    return p;
}

Result<usize> copy_to(Sink& to, const Packet& p, usize offset, usize n) {
    usize copied = 0;
    Errno error{};
    p.for_each(offset, n, [&](std::span<const std::byte> part) {
        if (error != Errno{} || to.done()) return;
        auto put = to.put(part);
        if (!put)
            error = put.error();
        else
            copied += *put;
    });
    if (copied == 0 && error != Errno{}) return std::unexpected(error);
    return copied;
}
} // namespace net
