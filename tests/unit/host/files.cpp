// What kernel/file and kernel/vfs need of the kernel around them, for tests in which nothing waits.
#include "core/mm/object.h"
#include "core/rng/rng.h"
#include "core/sync/wait.h"
#include "core/time/clock.h"
#include "kernel/device/device.h"
#include "kernel/file/current.h"
#include "kernel/file/pipe.h"
#include <cstdlib>
#include <random>

void WaitQueue::add(Waiter& w) { waiters_.push_back(w); }
void WaitQueue::remove(Waiter& w) { waiters_.erase(w); }
void WaitQueue::notify_all(u32) {}
void WaitQueue::notify_one(u32) {}
bool WaitQueue::empty() const { return true; }
alignas(64) static char no_thread[64];
Sleeper::Sleeper() : thread_{reinterpret_cast<Thread&>(no_thread)} {}
Result<> Sleeper::sleep(Deadline, bool) { std::abort(); }
void Sleeper::notify() {}

void MemoryObject::unmap(u64, u64, bool) {}
i64 clocks::realtime_ns() {
    static std::atomic<i64> now = 1'700'000'000'000'000'000;
    return now += 1000;
}
u64 rng::number() {
    static thread_local std::mt19937_64 random{42};
    return random();
}

namespace file {
u64 size_limit() { return ~u64{0}; }
void size_limit_passed() {}
void broken_pipe() {}
bool interrupted() { return false; }
bool killed() { return false; }
const Credentials* credentials() { return nullptr; }
} // namespace file
Result<Ref<File>> device::open_character(u64, const vfs::Path&, u32) { return err::nxio; }
Result<Ref<File>> pipes::open_fifo(const vfs::Path&, u32) { return err::nxio; }
