// What can be mapped: a file's page cache, shared anonymous memory. Private anonymous memory needs no object.
#pragma once
#include "core/alloc/frame.h"
#include "core/wait/mutex.h"
#include "lib/format.h"
#include "lib/intrusive.h"

struct Area;

/// Gives pages to mappings: a file's page cache (which is part of its inode), or shared anonymous memory.
class MemoryObject : public RefCounted<MemoryObject> {
public:
    virtual ~MemoryObject() = default;
    static void last_ref_gone(MemoryObject* object) { object->unreferenced(); }

    /// The page at `index` (in pages), for reading, or for writing through a shared mapping: then it must be this
    /// object's own page (copy-on-write towards snapshots is done here). Called with the address space's lock held:
    /// takes only locks below Rank::address_space. err::nxio: beyond the end (SIGBUS); err::nomem; err::io; err::again:
    /// it has to be fetched first, see fetch().
    virtual Result<FrameRef> page(u64 index, bool for_write) = 0;
    /// Makes page(index) answer after it has said err::again: reads the page, or waits for who does; `wanted` pages
    /// from there on will be asked for. Called without locks, may sleep. err::io, err::nomem; err::intr: the thread is
    /// to end.
    virtual Result<> fetch(u64 index, u64 wanted) { return (void)index, (void)wanted, Result<>{}; }
    /// page() and fetch() until the page is there. Called without locks.
    Result<FrameRef> fetch_page(u64 index, bool for_write) {
        while (true) {
            auto frame = page(index, for_write);
            if (frame || frame.error() != Errno::again) return frame;
            TRY(fetch(index, 1));
        }
    }
    /// Fault-around: pages present in [first, first + n) without allocating; null where absent. Default: none.
    virtual void present_pages(u64 first, std::span<FrameRef> out) { (void)first, (void)out; }

    /// How many pages it holds itself: 0 where nobody asks.
    virtual u64 resident() { return 0; }
    /// Makes the pages [first, first + n) a hole that reads as zeros: MADV_REMOVE. Called without locks.
    /// err::opnotsupp: the object cannot.
    virtual Result<> punch(u64 first, u64 n) {
        (void)first, (void)n;
        return err::opnotsupp;
    }

    /// The owner calls this after it has taken pages [first, first+n) away (truncation) or replaced them: every mapping
    /// forgets them and will fault again. With `private_too`, pages that a private mapping has already copied go as
    /// well (truncation). The owner holds its inode lock.
    void unmap(u64 first, u64 n, bool private_too);
    /// Changes with every unmap(): a fault that raced with one retries.
    u32 generation() const { return generation_.load(std::memory_order_acquire); }

protected:
    /// Whether a mapping of the page is locked in memory: it had better stay.
    bool is_locked(u64 index);
    /// The last reference is gone. One that is part of another object tells that.
    virtual void unreferenced() { delete this; }

private:
    friend class AddressSpace;
    std::atomic<u32> generation_ = 0; // fills a gap behind the count
    Guarded<bi::list<Area, bi::base_hook<ListLink<MemoryObject>>, bi::constant_time_size<false>>, Mutex<Rank::mappings>>
        mappings_;
};

/// Zero-filled memory shared by fork and, through a file, by others: MAP_SHARED|MAP_ANONYMOUS.
Result<Ref<MemoryObject>> make_shared_memory(u64 bytes);

/// What stands behind a file mapping, kept alive by it: the open file. core knows no files, so the kernel derives this.
class MappingSource : public RefCounted<MappingSource> {
public:
    virtual ~MappingSource() = default;
    virtual MemoryObject& object() = 0;
    /// For /proc/pid/maps: "major:minor inode" numbers and the path.
    struct Identity {
        u32 major = 0, minor = 0;
        u64 inode = 0;
    };
    virtual Identity identity() const = 0;
    virtual void print_path(Writer&) const = 0;
    /// The address of a constant that stands for the kind of source; null: it does not matter.
    virtual const void* kind() const { return nullptr; }
    /// msync(2): writes back what mappings have changed. Called without locks.
    virtual Result<> sync(u64 first, u64 bytes) { return (void)first, (void)bytes, Result<>{}; }
};
