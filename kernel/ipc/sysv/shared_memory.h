// Shared memory: shmget(2), shmop(2), shmctl(2).
#pragma once
#include "core/mm/address_space.h"
#include "kernel/ipc/sysv/object.h"
#include "lib/chain.h"

namespace sysv {
class Namespace;
class Attachment;

class Segment final : public Object, public RefCounted<Segment> {
public:
    /// `memory` has `size` bytes, rounded up to pages.
    Segment(const IpcNamespace&, u64 size, u32 mode, Ref<MemoryObject> memory);

    /// shmat(2). `request` has the place and the access. Where it is. err::inval: the place is taken; err::nomem.
    Result<uptr> attach(AddressSpace&, MapRequest request);
    /// IPC_RMID, permitted: goes at once, or with the last attachment.
    void close(Namespace& from);

    const u64 bytes;
    u64 pages() const { return page_up(bytes) / page_size; }
    u64 resident_pages() const { return memory_->resident(); }
    /// What shmctl(2) shows besides the owner.
    struct Shown {
        u64 attachments;
        bool removed, locked;
        u32 flags() const { return (removed ? 01000u : 0) | (locked ? 02000u : 0); } // SHM_DEST, SHM_LOCKED
        Ref<PidNumber> maker, last;
        i64 attached, detached; // seconds since the epoch; 0: never
    };
    Shown show();
    /// SHM_LOCK, SHM_UNLOCK, permitted: shown; memory stays where it is in any case.
    void set_locked(bool);

private:
    friend class Attachment;
    const Ref<MemoryObject> memory_;
    // Under the lock.
    Chain<Attachment> attachments_;
    Ref<IpcNamespace> goes_from_; // removed, and still in its table
    bool locked_ = false;
    const Ref<PidNumber> maker_;
    Ref<PidNumber> last_;
    i64 attached_ = 0, detached_ = 0;
};

/// shmdt(2). err::inval: nothing was attached there.
Result<> detach(AddressSpace&, uptr address);
} // namespace sysv
