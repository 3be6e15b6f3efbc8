// Who writes back what caches hold: the thread that does so in time, and those who ask for it.
#pragma once
#include "kernel/vfs/backed_cache.h"
#include "kernel/vfs/inode.h"

namespace vfs {
/// A superblock whose files lie elsewhere: knows which of them are dirty.
class BackedSuperblock : public Superblock, public ChainLink<BackedSuperblock> {
public:
    BackedSuperblock();
    ~BackedSuperblock() override;
    /// Writes everything that is dirty, and what the file system keeps besides. Errors of pages are in `errors`.
    Result<> sync() final;
    ErrorSequence* write_errors() final { return &errors; }
    ErrorSequence errors;

protected:
    /// What is no page: inodes, maps of blocks, the device's own cache.
    virtual Result<> sync_metadata() { return {}; }

private:
    friend class BackedCache;
    friend struct WriteBackThread;
    struct Dirty {
        List<BackedCache, struct DirtyTag> list; // each holds its inode; the oldest first
        usize count = 0;
    };
    void add_dirty(BackedCache&);
    void remove_dirty(BackedCache&);
    template <class Visit>
    void each_dirty(Visit visit);
    Guarded<Dirty, Spinlock<Rank::device>> dirty_;
};

/// sync(2): every superblock that has something to write.
void sync_all();

namespace write_back {
/// Bytes that an account may have dirty before its writers have to help.
u64 bound(const MemoryAccount&);
/// There is more to do than waits for its time: the thread looks now.
void wake();
} // namespace write_back
} // namespace vfs
