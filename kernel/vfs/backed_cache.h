// The page cache of a file whose content lies elsewhere, on a disk or a server. Pages are read when they are wanted and
// go when memory is short; those that were changed are written back.
#pragma once
#include "core/wait/wait.h"
#include "kernel/vfs/error_sequence.h"
#include "kernel/vfs/page_cache.h"
#include "lib/chain.h"
#include "lib/intrusive.h"

namespace vfs {
class BackedSuperblock;

/// What a file system derives for its regular files; their superblock is a BackedSuperblock. Pages are charged to who
/// made the cache, and where that is at its limit to who reads. While something is dirty or being written, the
/// superblock holds the inode.
class BackedCache : public PageCache, public ListLink<struct DirtyTag>, public ChainLink<BackedCache> {
public:
    BackedCache* backed() final { return this; }
    /// Writes what is dirty of the pages [first, end), and waits until nothing of them is being written. What fails is
    /// noted in `errors`, there and in the superblock's; the pages count as clean then.
    void write_back(u64 first, u64 end);
    ErrorSequence errors;

    /// Drops clean pages that nobody uses and nobody has used lately, `n` at most. Returns how many of the pages that
    /// it has looked at, of which there are not many more.
    struct Reclaimed {
        usize dropped = 0, looked_at = 0;
    };
    Reclaimed reclaim(usize n);
    /// After a write by the caller: who makes pages dirty faster than they are written helps to write them.
    void balance();
    /// For files on servers: close(2) writes back, and tells what went wrong.
    virtual bool flushed_by_close() const { return false; }
    MemoryAccount& account() const { return account_; }
    u64 dirty_since() const { return dirty_since_.load(std::memory_order_relaxed); }

    // MemoryObject
    Result<> fetch(u64 index, u64 wanted) final;

protected:
    explicit BackedCache(Inode&);
    ~BackedCache() override;

    // The file system's part. Called without locks, may sleep, and perhaps by a thread that is nobody's task; several
    // at once, on different pages. Whoever calls, they have no Caller, and what they allocate is charged to account();
    // after err::nomem they are called once more for somebody else. Both return how many pages they did, at least one,
    // from the front.
    /// Fills frames with the pages from `first` on; what lies beyond the end, or in a hole, with zeros.
    virtual Result<usize> read_pages(u64 first, std::span<const FrameRef> frames) = 0;
    /// The frames may be written to meanwhile; then they are written again.
    virtual Result<usize> write_pages(u64 first, std::span<const FrameRef> frames) = 0;

private:
    friend class BackedSuperblock;
    static constexpr usize most = 32; // pages read or written at once
    /// A run of pages that is being read.
    struct Reading : ListLink<> {
        u64 first = 0;
        usize n = 0;
        bool stale = false; // some were cut off meanwhile
        FrameRef frames[most];
        bool has(u64 index) const { return index >= first && index - first < n; }
    };
    struct Writing {
        u64 first = 0;
        usize n = 0;
        FrameRef frames[most];
    };
    Result<> fill_holes(u64, u64) override { return err::opnotsupp; }
    void page_changed(u64 index, bool mapped) final;
    void before_drop(u64 first, u64 n) final;
    /// Returns part(), for which account() pays; where that has no memory, `other` does.
    template <class Part>
    auto at_the_cost_of_owner(MemoryAccount& other, Part part);
    Result<> fetch_run(u64 index, u64 wanted);
    bool is_reading(u64 index) const;
    bool begin_read(Reading&, u64 index, u64 wanted);
    Result<> allocate_frames(Reading&);
    Result<> end_read(Reading&, usize got);
    bool begin_write(Writing&, u64 first, u64 end);
    void end_write(const Writing&, Result<>);
    bool is_writing(u64 first, u64 end) const;
    void wait_for_writing(u64 first, u64 end);
    void clean(u64 index);
    void leave_if_clean();
    BackedSuperblock& superblock() const;

    FileContent own_content_;
    MemoryAccount& account_;
    WaitQueue changed_; // a run has been read or written
    // Under the inode's lock.
    List<Reading> reading_;
    u64 dirty_ = 0, writing_ = 0;      // pages
    u64 hand_ = 0;                     // where reclaim() goes on
    bool listed_ = false;              // with the superblock
    std::atomic<u64> dirty_since_ = 0; // clocks::monotonic_ns(), of the oldest change
};
} // namespace vfs
