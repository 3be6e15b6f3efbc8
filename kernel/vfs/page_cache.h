// What a regular file holds, and its pages in memory: reading, writing, mapping, holes, truncation, once for all file
// systems. A file system derives its own to say what it knows besides.
#pragma once
#include "core/mm/object.h"
#include "core/mm/page_tree.h"
#include "core/wait/mutex.h"
#include "kernel/file/cursor.h"
#include "kernel/vfs/open_counts.h"

namespace vfs {
class BackedCache;
class Inode;

/// The content of a regular file. Guarded by its inode's lock.
struct FileContent {
    static constexpr u32 unsealable = 1u << 31; // F_GET_SEALS and F_ADD_SEALS do not know the file
    u64 size = 0;
    PageTree pages{FrameUse::page_cache};
    u32 seals = unsealable; // else F_SEAL_*
    bool backed = false;    // pages may lie elsewhere: BackedCache

    /// The same content, of which a later change on either side does not show on the other. O(1).
    FileContent share() const { return {size, pages.share(), seals, backed}; }
};

/// The pages of one inode: part of it, and destroyed with it. Who holds a reference to the object holds the inode.
/// Changes pass the superblock's gate. Functions take the locks themselves and sleep in user memory; errors are those
/// of the system call that each serves.
class PageCache : public MemoryObject {
public:
    static constexpr u64 max_size = ~u64{0} >> 1;
    OpenCounts opens;
    Inode& inode() const { return inode_; }
    /// Null: memory is all there is, and nothing of it can be dropped.
    virtual BackedCache* backed() { return nullptr; }

    /// For mappings, futexes and whoever else keeps the pages longer than a call.
    Ref<MemoryObject> object();
    u64 size() const;

    Result<usize> read(Sink&, u64 offset);
    /// `*end`: the offset behind the last byte. With `append`, `offset` is the end of the file.
    Result<usize> write(Source&, u64 offset, bool append, u64* end);
    Result<> resize(u64 size);
    Result<> allocate(int mode, u64 offset, u64 bytes); // fallocate(2)
    Result<u64> seek(u64 offset, bool hole) const;      // SEEK_HOLE, SEEK_DATA

    Result<u32> seals() const;
    Result<> add_seals(u32); // err::busy: mapped for writing; err::perm: sealed against that
    // Shared mappings that may write, and the seals against them exclude each other. err::perm: sealed.
    Result<> begin_mapped_writing();
    void end_mapped_writing() { mapped_writers_.fetch_sub(1); }

    // MemoryObject
    Result<FrameRef> page(u64 index, bool for_write) final;
    void present_pages(u64 first, std::span<FrameRef> out) final;
    Result<> punch(u64 first, u64 n) final;

protected:
    PageCache(Inode& inode, FileContent& content);
    ~PageCache() override = default;
    /// The content has moved. With the inode's lock held.
    void set_content(FileContent& content) { content_ = &content; }

    // What the file system adds; all with the inode's lock held.
    /// The content is about to change: makes it this inode's alone. err::nomem
    virtual Result<> own_content() { return {}; }
    /// It has changed by a call: sets the times. After own_content().
    virtual void modified() = 0;
    /// Takes room for pages that were holes. err::nospc
    virtual Result<> charge(u64 pages) { return (void)pages, Result<>{}; }
    virtual void uncharge(u64 pages) { (void)pages; }
    /// A page is not what it was; with `mapped`, a shared mapping may write to it from now on. Without it, told of
    /// backed content only.
    virtual void page_changed(u64 index, bool mapped) = 0;
    /// Pages of backed content are about to be taken away; may give the lock up for a while.
    virtual void before_drop(u64 first, u64 n) { (void)first, (void)n; }

    // Called without the inode's lock, but while nobody else changes the content.
    /// The size has become another one: what lies behind has to follow. Not for what only grows by being written to.
    virtual Result<> resized(u64 old) { return (void)old, Result<>{}; }
    /// These pages have become holes.
    virtual Result<> punched(u64 first, u64 n) { return (void)first, (void)n, Result<>{}; }
    /// fallocate(2) without FALLOC_FL_PUNCH_HOLE. err::opnotsupp
    virtual Result<> fill_holes(u64 offset, u64 end);

    Mutex<Rank::inode>& lock() const;

private:
    void unreferenced() final;
    template <usize batch>
    Result<usize> read_batches(Sink&, u64 offset);
    usize present_part(std::span<const FrameRef>, usize in_page, usize left) const;
    bool must_fetch(u64 index) const;
    Result<FrameRef> own_page(u64 index, mm::Fill);
    Result<FrameRef> own_fetched_page(u64 index, mm::Fill);
    Result<u64> set_size(u64 size);
    Result<> zero_part(u64 from, u64 to);
    Result<> drop_pages(u64 first, u64 n, bool private_too);
    Result<> punch_bytes(u64 offset, u64 end);

    Mutex<Rank::file_io> writing_; // one writer at a time; held while user memory is copied
    std::atomic<u32> mapped_writers_ = 0;
    Inode& inode_;
    FileContent* content_;
};
} // namespace vfs
