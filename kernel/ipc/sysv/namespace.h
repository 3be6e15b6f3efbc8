// The System V objects of an IPC namespace, and its limits: /proc/sys/kernel.
#pragma once
#include "kernel/ipc/sysv/message_queue.h"
#include "kernel/ipc/sysv/semaphores.h"
#include "kernel/ipc/sysv/shared_memory.h"

namespace sysv {
struct Settings {
    std::atomic<u64> msgmax = 8192, msgmnb = 16'384, msgmni = 32'000;
    std::atomic<u64> shmmax = ~u64{0} - (u64{1} << 24), shmall = ~u64{0} - (u64{1} << 24), shmmni = 4096;
    static constexpr u32 semmsl = 32'000, semmns = 1'024'000'000, semopm = 500, semmni = 32'000;
};

class Namespace final : public IpcNamespace::Objects {
public:
    explicit Namespace(IpcNamespace& owner) : of{owner} {}
    /// Null: nobody has made one yet.
    static Namespace* find(const IpcNamespace& of) {
        return static_cast<Namespace*>(of.objects.load(std::memory_order_acquire));
    }
    /// Made when it is first asked for. err::nomem.
    static Result<Namespace*> in(IpcNamespace&);

    /// msgget(2). err::exist, err::noent, err::acces, err::nospc, err::nomem.
    Result<int> get_queue(Key, u32 flags);
    /// semget(2). As above; err::inval: `n`.
    Result<int> get_semaphores(Key, usize n, u32 flags);
    /// shmget(2). As above; err::inval: `bytes`.
    Result<int> get_segment(Key, u64 bytes, u32 flags);
    // They go. Nothing happens the second time.
    void drop(MessageQueue& queue) { queues.remove(queue); }
    void drop(SemaphoreSet&);
    void drop(Segment&);

    IpcNamespace& of; // owns it
    Settings settings;
    Table<MessageQueue> queues;
    Table<SemaphoreSet> semaphores;
    Table<Segment> segments;
    /// In all sets, and of all segments, of the tables.
    std::atomic<u64> semaphore_count = 0, shared_pages = 0;
};
} // namespace sysv
