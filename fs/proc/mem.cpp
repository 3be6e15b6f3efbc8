// /proc/pid/mem: the memory of a process at the offset that is its address.
#include "fs/proc/items.h"
#include "kernel/vfs/open_file.h"
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

namespace proc {
namespace {
class MemoryFile final : public vfs::PlacedFile {
public:
    MemoryFile(const vfs::Path& path, u32 file_flags, Context context)
        : PlacedFile{path, file_flags}, context_{std::move(context)}, opened_{space_of(*context_.task).get()} {}
    bool seekable() const override { return true; }

    Result<usize> read(Sink& to, u64* at) override {
        return transfer(to.remaining(), at, [&](AddressSpace& space, std::span<std::byte> chunk) -> Result<usize> {
            usize n = space.read_memory(*at, chunk);
            return n ? to.put(chunk.first(n)) : Result<usize>{err::io};
        });
    }
    Result<usize> write(Source& from, u64* at) override {
        return transfer(from.remaining(), at, [&](AddressSpace& space, std::span<std::byte> chunk) -> Result<usize> {
            usize n = space.write_memory(*at, chunk.first(TRY(from.peek(chunk))), true);
            return n ? from.skip(n) : Result<usize>{err::io};
        });
    }
    Result<u64> seek(u64 at, i64 offset, int whence) override {
        if (whence == SEEK_SET) return static_cast<u64>(offset);
        return whence == SEEK_CUR ? at + static_cast<u64>(offset) : Result<u64>{err::inval};
    }

private:
    /// In pieces, as long as each moves whole. Bytes moved win over an error.
    template <class Move>
    Result<usize> transfer(usize size, u64* at, Move move) {
        // The memory that was opened, while who opened it may still look: exec changes both.
        auto space = space_of(*context_.task);
        if (!space || space.get() != opened_) return usize{0};
        TRY(may_inspect(Task::current().credentials(), *context_.process));
        std::byte bytes[512];
        usize done = 0;
        while (done < size) {
            std::span chunk = std::span{bytes}.first(size - done < sizeof bytes ? size - done : sizeof bytes);
            auto n = move(*space, chunk);
            if (!n) return done ? Result<usize>{done} : n;
            done += *n;
            *at += *n;
            if (*n < chunk.size() || Thread::current().killed()) break;
        }
        return done;
    }
    const Context context_;
    const AddressSpace* opened_; // compared, not used
};

class MemoryInode final : public pseudo::Inode {
public:
    MemoryInode(vfs::Superblock& sb, u64 number, Context context)
        : Inode{sb, number, S_IFREG | 0600, std::move(context), true} {}
    Result<Ref<File>> open(const vfs::Path& path, u32 flags) override {
        TRY(may_inspect(Task::current().credentials(), *context_.process));
        if (!space_of(*context_.task)) return err::srch;
        return TRY(make_ref<MemoryFile>(path, flags, context_));
    }
    Result<> change(const vfs::AttributeChange& c) override {
        return c.set == vfs::AttributeChange::size_bit ? Result<>{} : Result<>{err::perm};
    }
};
} // namespace

Result<Ref<vfs::Inode>> make_memory_inode(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<MemoryInode>(sb, number, c));
}
} // namespace proc
