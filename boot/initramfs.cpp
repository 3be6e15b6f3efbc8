// cpio's "newc" format: a header of hexadecimal fields, a name, the data, each padded to four bytes; see cpio(5).
#include "boot/initramfs.h"
#include "core/log/log.h"
#include "kernel/file/block_on.h"
#include "lib/errno.h"
#include "lib/numbers.h"
#include "lib/persistent_map.h"
#include <linux/fcntl.h>
#include <linux/stat.h>

namespace boot {
namespace {
constexpr usize header_size = 110, field_size = 8, field_count = 13, magic_size = 6;
constexpr std::string_view trailer = "TRAILER!!!", metadata = "METADATA!!!";

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
    usize position() const { return at_; }

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
    FirstName(u64 key, String path, u32 mode) : MapItem{key}, path{std::move(path)}, mode{mode} {}
    const String path;
    const u32 mode;
};

bool out_of_memory(const Result<>& done) { return done == err::nomem || done == err::nospc; }

class Unpacker {
public:
    explicit Unpacker(const vfs::Walker& walker) : walker_{walker} {}

    /// Fails only where memory runs out.
    Result<> entry(const Entry& e) {
        if (e.name == trailer) { // inodes are counted in each archive
            names_ = PersistentMap{};
            return {};
        }
        std::string_view path = e.name;
        path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
        Result<> made;
        if (path == metadata) {
            made = last_.empty() ? err::inval : set_metadata(e.data);
        } else {
            last_ = {};
            if (path.empty()) return {};
            made = make(path, e);
            if (made) last_ = path;
        }
        if (made || out_of_memory(made)) return made;
        log(LogLevel::warning, "initramfs: {}: {}: left out", path, errno_text(made.error()));
        return {};
    }

    /// Folders get their times when all is in them.
    Result<> finish() {
        for (const Folder& f : folders_) {
            vfs::AttributeChange change{.set = vfs::AttributeChange::modification_bit};
            change.modification.seconds = f.time;
            auto at = vfs::resolve(walker_, f.path, 0);
            if (at && at->inode().is_directory()) TRY(at->inode().change(change));
        }
        return {};
    }

private:
    struct Folder {
        String path;
        u32 time;
    };

    Result<> make(std::string_view path, const Entry& e) {
        clean(path, S_ISLNK(e.mode) ? 0 : e.mode);
        if (S_ISLNK(e.mode)) {
            TRY(vfs::make_symlink(walker_, path, {reinterpret_cast<const char*>(e.data.data()), e.data.size()}));
        } else if (S_ISDIR(e.mode)) {
            TRY(unless_there(vfs::make_directory(walker_, path, e.mode & 07777)));
            TRY(folders_.push({TRY(String::create(path)), e.time}));
        } else {
            bool linked = TRY(link_to_first(path, e));
            if (S_ISREG(e.mode))
                TRY(write(path, e, linked));
            else if (!linked)
                TRY(unless_there(vfs::make_node(walker_, path, e.mode, device(e))));
        }
        return set_attributes(path, e);
    }

    static Result<> unless_there(Result<> made) { return made == err::exist ? Result<>{} : made; }
    static u64 device(const Entry& e) {
        return u64{e.device_major} << 8 | (e.device_minor & 0xff) | u64{e.device_minor & ~0xffu} << 12;
    }

    /// Takes away what has the name and another type than `mode`'s; 0: whatever it is.
    void clean(std::string_view path, u32 mode) {
        auto there = vfs::resolve(walker_, path, 0);
        if (!there || !((there->inode().type() ^ mode) & S_IFMT)) return;
        bool directory = there->inode().is_directory();
        *there = {};
        (void)(directory ? vfs::remove_directory(walker_, path) : vfs::unlink(walker_, path));
    }

    /// Of several names of one inode the last one usually carries the data, but any may. Whether another came before.
    Result<bool> link_to_first(std::string_view path, const Entry& e) {
        if (e.links < 2) return false;
        u64 key = u64{e.major} << 52 ^ u64 { e.minor } << 32 ^ e.inode;
        auto* first = static_cast<FirstName*>(names_.find(key));
        if (first && !((first->mode ^ e.mode) & S_IFMT)) {
            clean(path, 0);
            TRY(vfs::make_link(TRY(vfs::resolve(walker_, first->path, 0)), walker_, path));
            return true;
        }
        TRY(names_.insert(TRY(make_ref<FirstName>(key, TRY(String::create(path)), e.mode)), 1));
        return false;
    }

    Result<> write(std::string_view path, const Entry& e, bool linked) {
        if (linked && e.data.empty()) return {};
        u32 flags = O_WRONLY | O_CREAT | (linked ? 0 : O_TRUNC);
        auto file = TRY(vfs::open(walker_, path, {.flags = flags, .mode = 0600}));
        Source data{e.data};
        while (!data.done()) { TRY(file::write(*file, data)); }
        if (!e.checked) return {};
        u32 sum = 0;
        for (std::byte b : e.data) sum += static_cast<u8>(b);
        return sum == e.sum ? Result<>{} : Result<>{err::io};
    }

    Result<> set_attributes(std::string_view path, const Entry& e) {
        using Change = vfs::AttributeChange;
        auto at = TRY(vfs::resolve(walker_, path, 0));
        Change change{.set = Change::uid_bit | Change::gid_bit | Change::modification_bit,
                      .uid = Kuid{e.uid},
                      .gid = Kgid{e.gid}};
        change.modification.seconds = e.time;
        if (!S_ISLNK(e.mode)) change.set |= Change::mode_bit, change.mode = e.mode & 07777;
        return at.inode().change(change);
    }

    /// Records of a size (eight hexadecimal digits, of the whole record), a version and a type, both 1, then an
    /// extended attribute's name with its null, and its value: as proposed for Linux in 2019.
    Result<> set_metadata(std::span<const std::byte> records) {
        constexpr usize start = 10;
        auto at = TRY(vfs::resolve(walker_, last_, 0));
        std::string_view rest{reinterpret_cast<const char*>(records.data()), records.size()};
        while (!rest.empty()) {
            usize size = TRY(parse_number<u32>(rest.substr(0, 8), 16));
            if (size < start || size > rest.size()) return err::inval;
            std::string_view body = rest.substr(start, size - start);
            usize end = body.find('\0');
            if (rest[8] != 1 || rest[9] != 1 || end == body.npos) return err::inval;
            auto value = body.substr(end + 1);
            TRY(at.inode().set_xattr(body.substr(0, end), std::as_bytes(std::span{value}), 0));
            rest.remove_prefix(size);
        }
        return {};
    }

    const vfs::Walker& walker_;
    PersistentMap names_;
    Vector<Folder> folders_;
    std::string_view last_; // what METADATA!!! is about
};
} // namespace

Result<> unpack_initramfs(const vfs::Walker& walker, std::span<const std::byte> archive, void (*passed)(usize)) {
    constexpr usize step = 1 * MiB;
    Reader reader{archive};
    Unpacker unpacker{walker};
    usize told = 0, start = 0; // `start` of the entry before: METADATA!!! needs its name
    while (!reader.at_end()) {
        usize here = reader.position();
        auto e = reader.next();
        if (!e) {
            log(LogLevel::error,
                "initramfs: no entry of a \"newc\" archive at byte {} of {} (is it compressed, or cut off?)", here,
                archive.size());
            TRY(unpacker.finish());
            return err::inval;
        }
        TRY(unpacker.entry(*e));
        if (passed && start - told >= step) passed(told = start);
        start = here;
    }
    return unpacker.finish();
}

u64 initramfs_need(std::span<const std::byte> archive) {
    constexpr u64 each = 1 * KiB; // names, inodes, and what they lie in
    u64 need = 0;
    for (Reader reader{archive}; !reader.at_end();) {
        auto e = reader.next();
        if (!e) break;
        need += each + (S_ISREG(e->mode) ? page_up(e->data.size()) : 0);
    }
    return need;
}
} // namespace boot
