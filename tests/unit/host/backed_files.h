// A file system for tests whose one regular file lies on a "disk" that is slow, fails, or does less than it is asked.
#pragma once
#include "core/time/clock.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/operations.h"
#include "kernel/vfs/write_back.h"
#include <cstring>
#include <linux/stat.h>
#include <map>
#include <vector>

namespace host {
/// Copies as a device does, which looks at no lock: what it meets while somebody writes is written again later.
__attribute__((no_sanitize("thread"), no_sanitize("address"))) inline void device_copy(void* to, const void* from) {
    auto* t = static_cast<volatile u64*>(to);
    auto* f = static_cast<const volatile u64*>(from);
    for (usize i = 0; i < page_size / sizeof(u64); i++) t[i] = f[i];
}

class Disk {
public:
    using Page = std::vector<std::byte>;
    std::atomic<int> failing_reads = 0, failing_writes = 0; // so many fail from now on
    std::atomic<u64> fails_from = ~u64{0};                  // reads of these pages fail
    std::atomic<usize> at_once = ~usize{0};                 // pages that one call does
    std::atomic<u64> delay_ns = 0;
    // Each call takes a page of memory meanwhile: who paid for the last that was had, and how many were refused.
    std::atomic<MemoryAccount*> payer = nullptr;
    std::atomic<unsigned> refused = 0;
    std::atomic<unsigned> reads = 0, writes = 0, pages_read = 0, pages_written = 0, busy = 0, most_busy = 0;

    Result<usize> read(u64 first, std::span<const FrameRef> frames) {
        reads++;
        usize n = TRY(work(failing_reads, frames.size()));
        if (first >= fails_from) return err::io;
        Holding hold{lock_};
        for (usize i = 0; i < n; i++) {
            auto at = pages_.find(first + i);
            if (at == pages_.end())
                std::memset(frames[i]->data(), 0, page_size);
            else
                device_copy(frames[i]->data(), at->second.data());
        }
        pages_read += static_cast<unsigned>(n);
        return n;
    }
    Result<usize> write(u64 first, std::span<const FrameRef> frames) {
        writes++;
        usize n = TRY(work(failing_writes, frames.size()));
        std::vector<Page> copies(n, Page(page_size));
        for (usize i = 0; i < n; i++) device_copy(copies[i].data(), frames[i]->data());
        Holding hold{lock_};
        for (usize i = 0; i < n; i++) pages_[first + i] = std::move(copies[i]);
        pages_written += static_cast<unsigned>(n);
        return n;
    }
    /// Lets what comes wait, until it is let go.
    void hold(bool on) {
        held_ = on;
        changed_.notify_all();
    }
    void wait_until_busy() {
        (void)wait_until(changed_, [&] { return busy != 0; }, never, false);
    }
    /// Only the first `bytes` are left.
    void cut(u64 bytes) {
        Holding hold{lock_};
        pages_.erase(pages_.lower_bound(page_up(bytes) >> page_shift), pages_.end());
    }
    void punch(u64 first, u64 n) {
        Holding hold{lock_};
        for (u64 i = first; i < first + n; i++) pages_.erase(i);
    }
    /// The first byte of a page; 0 where there is none.
    int byte(u64 index, usize offset = 0) {
        Holding hold{lock_};
        auto at = pages_.find(index);
        return at == pages_.end() ? 0 : static_cast<int>(at->second[offset]);
    }
    void fill(u64 index, int value) {
        Holding hold{lock_};
        pages_[index] = Page(page_size, static_cast<std::byte>(value));
    }

private:
    Result<usize> work(std::atomic<int>& failing, usize n) {
        unsigned now = ++busy;
        for (unsigned most = most_busy; now > most && !most_busy.compare_exchange_weak(most, now);) {}
        changed_.notify_all();
        (void)wait_until(changed_, [&] { return !held_; }, never, false);
        if (u64 ns = delay_ns) {
            Sleeper self;
            (void)self.sleep(clocks::in(ns), false);
        }
        busy--;
        FrameRef needed = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing).value_or(FrameRef{});
        if (!needed) return refused++, err::nomem;
        payer = &MemoryAccount::at(needed->account);
        int left = failing;
        while (left > 0)
            if (failing.compare_exchange_weak(left, left - 1)) return err::io;
        return std::min(n, at_once.load());
    }
    std::atomic<bool> held_ = false;
    WaitQueue changed_;
    Mutex<Rank::mappings> lock_; // may be taken with an inode's lock held
    std::map<u64, Page> pages_;
};

class BackedFs final : public vfs::BackedSuperblock {
public:
    Disk disk;
    std::atomic<unsigned> inode_syncs = 0, data_syncs = 0, metadata_syncs = 0;
    bool flushes = false; // close(2) writes back
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {}; }
    std::string_view type_name() const override { return "backed"; }
    Result<> sync_metadata() override {
        metadata_syncs++;
        return {};
    }
};

class BackedInode final : public vfs::Inode {
public:
    explicit BackedInode(BackedFs& fs) : Inode{fs, 2, S_IFREG}, pages_{*this} {}
    vfs::Attributes attributes() override { return {.number = 2, .mode = S_IFREG | 0666, .size = pages_.size()}; }
    Result<> change(const vfs::AttributeChange& c) override {
        return c.set & vfs::AttributeChange::size_bit ? pages_.resize(c.size) : Result<>{};
    }
    Result<> sync(bool data_only) override {
        (data_only ? fs().data_syncs : fs().inode_syncs)++;
        return {};
    }
    vfs::BackedCache* pages() override { return &pages_; }
    BackedFs& fs() { return static_cast<BackedFs&>(superblock()); }

private:
    class Pages final : public vfs::BackedCache {
    public:
        explicit Pages(BackedInode& of) : BackedCache{of} {}
        bool flushed_by_close() const override { return fs().flushes; }

    private:
        BackedFs& fs() const { return static_cast<BackedInode&>(inode()).fs(); }
        void modified() override {}
        Result<> resized(u64 old) override {
            if (size() < old) fs().disk.cut(size());
            return {};
        }
        Result<> punched(u64 first, u64 n) override {
            fs().disk.punch(first, n);
            return {};
        }
        Result<usize> read_pages(u64 first, std::span<const FrameRef> frames) override {
            return fs().disk.read(first, frames);
        }
        Result<usize> write_pages(u64 first, std::span<const FrameRef> frames) override {
            return fs().disk.write(first, frames);
        }
    };
    Pages pages_;
};

class BackedRoot final : public vfs::Inode, public vfs::Directory {
public:
    explicit BackedRoot(BackedFs& fs) : Inode{fs, 1, S_IFDIR} {}
    vfs::Directory* directory() override { return this; }
    vfs::Attributes attributes() override { return {.number = 1, .mode = S_IFDIR | 0777}; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
        if (name != "file") return err::noent;
        return TRY(make_ref<BackedInode>(static_cast<BackedFs&>(superblock())));
    }
    Result<> read(DirectorySink&, u64*) override { return {}; }
};
inline Result<Ref<vfs::Inode>> BackedFs::root() { return TRY(make_ref<BackedRoot>(*this)); }
} // namespace host
