// cpio's "newc" format: a header of hexadecimal fields, a name, the data, each padded to four bytes; see cpio(5).
#include "boot/initramfs.h"
#include "kernel/file/block_on.h"
#include "lib/numbers.h"
#include "lib/persistent_map.h"
#include <linux/fcntl.h>
#include <linux/stat.h>

namespace boot {
namespace {
constexpr usize header_size = 110, field_size = 8, field_count = 13, magic_size = 6;
constexpr std::string_view trailer = "TRAILER!!!";

struct Entry {
    u32 inode, mode, uid, gid, links, time, size, major, minor, device_major, device_minor;
    bool checked; // 070702: with a sum over the data
    u32 sum;
    std::string_view name;
    std::span<const std::byte> data;
};

/// Reads entries from the front of an archive.
class Reader {
public:
    explicit Reader(std::span<const std::byte> archive) : all_{archive} {}

    /// err::inval: not an entry, or it leaves the archive.
    Result<Entry> next() {
        std::string_view header = text(TRY(take(header_size, 1)));
        bool checked = header.starts_with("070702");
        if (!checked && !header.starts_with("070701")) return err::inval;
        u32 fields[field_count];
        for (usize i = 0; i < field_count; i++) {
            auto field = parse_number<u32>(header.substr(magic_size + i * field_size, field_size), 16);
            if (!field) return err::inval;
            fields[i] = *field;
        }
        auto [inode, mode, uid, gid, links, time, size, major, minor, device_major, device_minor, name_size, sum] =
            fields;
        std::string_view name = text(TRY(take(name_size, 4)));
        if (name.empty() || name.back() != 0) return err::inval;
        name = name.substr(0, name.find('\0'));
        auto data = TRY(take(size, 4));
        return Entry{inode, mode,         uid,          gid,     links, time, size, major,
                     minor, device_major, device_minor, checked, sum,   name, data};
    }
    /// Between archives that follow each other stand zeros.
    bool at_end() {
        while (at_ < all_.size() && all_[at_] == std::byte{0}) at_++;
        return at_ == all_.size();
    }

private:
    static std::string_view text(std::span<const std::byte> s) {
        return {reinterpret_cast<const char*>(s.data()), s.size()};
    }
    Result<std::span<const std::byte>> take(usize n, usize padding) {
        if (n > all_.size() - at_) return err::inval;
        auto taken = all_.subspan(at_, n);
        at_ = align_up(at_ + n, padding);
        if (at_ > all_.size()) at_ = all_.size();
        return taken;
    }
    std::span<const std::byte> all_;
    usize at_ = 0;
};

/// A path that further hard links to the same inode refer to.
class FirstName final : public MapItem {
public:
    FirstName(u64 key, String path) : MapItem{key}, path{std::move(path)} {}
    const String path;
};

class Unpacker {
public:
    explicit Unpacker(const vfs::Walker& walker) : walker_{walker} {}

    Result<> entry(const Entry& e) {
        std::string_view path = e.name;
        path.remove_prefix(path.find_first_not_of('/') == path.npos ? path.size() : path.find_first_not_of('/'));
        if (path.empty()) return {};
        if (S_ISLNK(e.mode)) {
            TRY(replace(path));
            TRY(vfs::make_symlink(walker_, path, {reinterpret_cast<const char*>(e.data.data()), e.data.size()}));
        } else if (S_ISDIR(e.mode)) {
            auto made = vfs::make_directory(walker_, path, e.mode & 07777);
            if (!made && made.error() != Errno::exist) return made;
        } else if (S_ISREG(e.mode)) {
            TRY(regular(path, e));
        } else {
            TRY(replace(path));
            TRY(vfs::make_node(walker_, path, e.mode, device(e)));
        }
        return set_attributes(path, e);
    }

private:
    static u64 device(const Entry& e) {
        return u64{e.device_major} << 8 | (e.device_minor & 0xff) | u64{e.device_minor & ~0xffu} << 12;
    }

    Result<> replace(std::string_view path) {
        auto gone = vfs::unlink(walker_, path);
        return gone || gone.error() == Errno::noent ? Result<>{} : gone;
    }

    /// Of several names of one inode the last one usually carries the data, but any may.
    Result<> regular(std::string_view path, const Entry& e) {
        if (e.links > 1) {
            u64 key = u64{e.major} << 52 ^ u64 { e.minor } << 32 ^ e.inode;
            if (auto* first = static_cast<FirstName*>(names_.find(key))) {
                TRY(replace(path));
                TRY(vfs::make_link(TRY(vfs::resolve(walker_, first->path, 0)), walker_, path));
                if (e.data.empty()) return {};
            } else {
                TRY(replace(path));
                TRY(names_.insert(TRY(make_ref<FirstName>(key, TRY(String::create(path)))), 1));
            }
        }
        auto file = TRY(vfs::open(walker_, path, {.flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0600}));
        Source data{e.data};
        while (!data.done()) { TRY(file::write(*file, data)); }
        if (!e.checked) return {};
        u32 sum = 0;
        for (std::byte b : e.data) sum += static_cast<u8>(b);
        return sum == e.sum ? Result<>{} : Result<>{err::inval};
    }

    Result<> set_attributes(std::string_view path, const Entry& e) {
        using Change = vfs::AttributeChange;
        auto at = TRY(vfs::resolve(walker_, path, 0));
        Change change{.set = Change::uid_bit | Change::gid_bit | Change::modification_bit, .uid = e.uid, .gid = e.gid};
        change.modification.seconds = e.time;
        if (!S_ISLNK(e.mode)) change.set |= Change::mode_bit, change.mode = e.mode & 07777;
        return at.inode().change(change);
    }

    const vfs::Walker& walker_;
    PersistentMap names_;
};
} // namespace

Result<> unpack_initramfs(const vfs::Walker& walker, std::span<const std::byte> archive) {
    Reader reader{archive};
    Unpacker unpacker{walker};
    while (!reader.at_end()) {
        Entry e = TRY(reader.next());
        if (e.name != trailer) TRY(unpacker.entry(e));
    }
    return {};
}
} // namespace boot
