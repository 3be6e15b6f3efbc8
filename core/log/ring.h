// The last lines of the log, oldest overwritten first. A pure data structure.
#pragma once
#include "lib/types.h"
#include <cstring>
#include <span>
#include <string_view>

class LogRing {
public:
    static constexpr usize capacity = 64 * KiB;

    /// A whole line with its newline, shorter than the ring.
    void append(std::string_view line) {
        for (usize done = 0; done < line.size();) {
            usize at = (end_ + done) % capacity;
            usize left = line.size() - done, n = left < capacity - at ? left : capacity - at;
            std::memcpy(bytes_ + at, line.data() + done, n);
            done += n;
        }
        end_ += line.size();
        if (end_ - start_ <= capacity) return;
        start_ = end_ - capacity;
        while (byte(start_) != '\n') start_++; // what is left of an overwritten line
        start_++;
    }
    usize size() const { return end_ - start_; }
    /// Copies the newest whole lines that fit, oldest first.
    usize newest(std::span<char> to) const {
        u64 from = start_;
        if (size() > to.size()) {
            from = end_ - to.size();
            while (from < end_ && byte(from - 1) != '\n') from++;
        }
        for (u64 i = from; i < end_; i++) to[i - from] = byte(i);
        return end_ - from;
    }

private:
    char byte(u64 at) const { return bytes_[at % capacity]; }
    char bytes_[capacity] = {};
    u64 start_ = 0, end_ = 0;
};
