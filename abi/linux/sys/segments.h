// Buffers that a call gives as an array of struct iovec.
#pragma once
#include "core/mm/user.h"
#include "kernel/file/cursor.h"
#include "lib/vector.h"
#include <array>
#include <linux/uio.h>

namespace linux_abi {
inline bool in_user_space(uptr address, usize size) {
    return address <= arch::user_top && size <= arch::user_top - address;
}

/// The segments of an iovec array: few of them on the stack. All together as many bytes as a call moves at most.
class Segments {
public:
    Result<> load(UserSpan<const iovec> from) {
        if (from.size > UIO_MAXIOV) return err::inval;
        static_assert(sizeof(iovec) == sizeof(UserSegment));
        if (from.size > few_.size()) TRY(many_.resize(from.size));
        UserSegment* to = from.size > few_.size() ? many_.data() : few_.data();
        TRY(arch::copy_in(to, from.data.address(), from.size * sizeof(UserSegment)));
        std::span<UserSegment> all{to, from.size};
        for (const UserSegment& s : all)
            if (s.size > ~usize{0} >> 1) return err::inval;
        bool alone = all.size() == 1; // Linux cuts a single one off before it looks at it
        for (UserSegment& s : all) {
            usize most = most_moved - total_;
            if (!in_user_space(s.address, alone && s.size > most ? most : s.size)) return err::fault;
            if (s.size > most) s.size = most;
            total_ += s.size;
        }
        all_ = all;
        return {};
    }
    std::span<const UserSegment> all() const { return all_; }
    usize total() const { return total_; }

private:
    std::array<UserSegment, 8> few_;
    Vector<UserSegment> many_;
    std::span<const UserSegment> all_;
    usize total_ = 0;
};
} // namespace linux_abi
