#include "net/inet/socket/error_queue.h"

namespace net::inet {
static_assert(sizeof(ErrorRecord) <= Packet::headroom / 2); // what a slice has left at least

bool ErrorQueue::push(PacketBox quoted, const ErrorRecord& record, MemoryAccount& account, usize limit) {
    if (!quoted->push_header(record) || queue_.true_size() + quoted->true_size() >= limit) return false;
    if (!quoted->charge_to(account)) return false;
    queue_.push(std::move(quoted));
    some_.store(true, std::memory_order_release);
    return true;
}

ErrorQueue::Taken ErrorQueue::pop() {
    Taken taken{queue_.pop(), {}, -1};
    if (!taken.quoted) return taken;
    taken.record = *Reader{*taken.quoted}.take<ErrorRecord>();
    taken.quoted->trim_front(sizeof(ErrorRecord));
    if (const Packet* next = queue_.first()) {
        if (auto r = *Reader{*next}.take<ErrorRecord>(); r.from_peer()) taken.next_error = static_cast<int>(r.error);
    } else {
        some_.store(false, std::memory_order_release);
    }
    if (taken.next_error < 0 && taken.record.from_peer()) taken.next_error = 0;
    return taken;
}

void ErrorQueue::clear() {
    queue_.clear();
    some_.store(false, std::memory_order_release);
}
} // namespace net::inet
