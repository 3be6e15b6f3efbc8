#include "kernel/ipc/event.h"
#include "kernel/vfs/anonymous.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

namespace event {
namespace {
constexpr u64 most = ~u64{0} - 1;

class Counter final : public vfs::AnonymousFile {
public:
    Counter(Ref<vfs::Inode> inode, u64 initial, bool semaphore, u32 file_flags)
        : AnonymousFile{"eventfd", std::move(inode), file_flags}, count_{initial}, semaphore_{semaphore} {}

    Result<usize> read(Sink& to, u64*) override {
        if (to.remaining() < sizeof(u64)) return err::inval;
        u64 count = count_.load(std::memory_order_relaxed), taken;
        do {
            if (count == 0) return err::again;
            taken = semaphore_ ? 1 : count;
        } while (!count_.compare_exchange_weak(count, count - taken, std::memory_order_acq_rel));
        changed_.notify_one(EPOLLOUT | EPOLLWRNORM);
        return to.put(std::as_bytes(std::span{&taken, 1}));
    }
    Result<usize> write(Source& from, u64*) override {
        u64 added;
        if (from.remaining() < sizeof added) return err::inval;
        if (TRY(from.peek(std::as_writable_bytes(std::span{&added, 1}))) != sizeof added) return err::fault;
        if (added == ~u64{0}) return err::inval;
        u64 count = count_.load(std::memory_order_relaxed);
        do {
            if (added > most - count) return err::again;
        } while (!count_.compare_exchange_weak(count, count + added, std::memory_order_acq_rel));
        changed_.notify_one(EPOLLIN | EPOLLRDNORM);
        from.limit(sizeof added);
        return from.skip(sizeof added);
    }
    u32 poll() override {
        u64 count = count_.load(std::memory_order_acquire);
        return (count ? EPOLLIN | EPOLLRDNORM : 0) | (count < most ? EPOLLOUT | EPOLLWRNORM : 0);
    }
    void print_info(Writer& out) override {
        u64 count = count_.load(std::memory_order_acquire);
        print(out, "eventfd-count: {:>16x}\n", count);
    }

private:
    std::atomic<u64> count_;
    const bool semaphore_;
};
} // namespace

Result<Ref<File>> create_counter(u64 initial, bool semaphore, u32 flags) {
    return TRY(make_ref<Counter>(TRY(vfs::make_anonymous_inode()), initial, semaphore, flags));
}
} // namespace event
