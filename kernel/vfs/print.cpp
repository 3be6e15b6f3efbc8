// Paths and mounts as text: getcwd(2), /proc/pid/fd, /proc/mounts.
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/operations.h"
#include <array>
#include <linux/mount.h>

namespace vfs {
namespace {
/// A path is found from its end: filled from the back.
struct Backward {
    std::span<char> bytes;
    usize at = bytes.size();
    bool full = false;
    void prepend(std::string_view s) {
        if (s.size() > at) {
            full = true;
            return;
        }
        at -= s.size();
        std::memcpy(bytes.data() + at, s.data(), s.size());
    }
    void prepend_name(std::string_view name) {
        prepend(name);
        prepend("/");
    }
    std::string_view text() const { return {bytes.data() + at, bytes.size() - at}; }
};
/// Room for every path.
struct BackwardBuffer {
    BackwardBuffer() {} // the bytes are not zeroed
    std::array<char, path_max> bytes;
};

/// Fills in the names from `root` to `p` without locks and references; what it answers and wrote is right if nothing
/// moved meanwhile. False: `p` does not lie below `root`.
bool names_rcu(Backward& out, RcuPath p, RcuPath root) {
    while ((p.dentry != root.dentry || p.mount != root.mount) && !out.full) {
        if (p.dentry == p.mount->top()) {
            p = p.mount->place_rcu();
            if (!p.mount) return false;
            continue;
        }
        p.dentry = DentryCache::parent_rcu(*p.dentry, [&](std::string_view name) { out.prepend_name(name); });
        if (!p.dentry) return false;
    }
    return true;
}

/// The same with locks, for when much moves.
bool names_locked(Backward& out, Path p, const Path& root) {
    while (p != root) {
        if (p.dentry == p.mount->root) {
            Path up = p.mount->mounted_on();
            if (!up) return false;
            p = std::move(up);
            continue;
        }
        auto parent = DentryCache::prepend_name(*p.dentry, [&](std::string_view name) { out.prepend_name(name); });
        if (!parent) return false;
        p.dentry = std::move(parent);
    }
    return true;
}

bool collect(Backward& out, const Path& p, const Path& root) {
    bool below, good;
    {
        epoch::Reading reading;
        u64 seen = DentryCache::moves.read_begin();
        good = !DentryCache::moves.read_retry(seen);
        if (good) {
            below = names_rcu(out, {p.mount.get(), p.dentry.get()}, {root.mount.get(), root.dentry.get()});
            good = !DentryCache::moves.read_retry(seen);
        }
    }
    if (!good) {
        out = Backward{out.bytes};
        below = names_locked(out, p, root);
    }
    if (out.at == out.bytes.size()) out.prepend("/");
    return below;
}

/// /proc/mounts: blanks and backslashes would end a field.
void print_escaped(Writer& out, std::string_view s) {
    for (char c : s) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\\' || c == '#')
            print(out, "\\{:03o}", static_cast<u8>(c));
        else
            out.write({&c, 1});
    }
}
} // namespace

void print_path(Writer& out, const Path& p, const Path& root, std::string_view unreachable) {
    auto buffer = make<BackwardBuffer>();
    if (!buffer) return;
    Backward names{(*buffer)->bytes};
    if (!collect(names, p, root)) out.write(unreachable);
    out.write(names.text());
    if (p.dentry->unlinked()) out.write(" (deleted)");
}

Result<std::string_view> PathText::load(const Path& p, const Path& root) {
    Backward names{short_};
    if (p.dentry->unlinked() || !collect(names, p, root)) return err::noent;
    if (!names.full) return names.text();
    TRY(long_.resize(path_max));
    names = Backward{long_};
    if (!collect(names, p, root)) return err::noent;
    if (names.full || names.text().size() >= path_max) return err::nametoolong;
    return names.text();
}

Result<String> path_text(const Path& p, const Path& root) {
    PathText text;
    return String::create(TRY(text.load(p, root)));
}

void print_mount_options(Writer& out, const Mount& m) {
    u32 flags = m.flags.load(std::memory_order_relaxed);
    out.write(flags & MS_RDONLY ? "ro" : "rw");
    static constexpr struct {
        u32 flag;
        std::string_view text;
    } names[] = {{MS_NOSUID, ",nosuid"},   {MS_NODEV, ",nodev"},           {MS_NOEXEC, ",noexec"},
                 {MS_NOATIME, ",noatime"}, {MS_NODIRATIME, ",nodiratime"}, {MS_NOSYMFOLLOW, ",nosymfollow"}};
    for (const auto& n : names)
        if (flags & n.flag) out.write(n.text);
    if (!(flags & (MS_NOATIME | MS_STRICTATIME))) out.write(",relatime");
}

void print_mounts_line(Writer& out, const Mount& m, const Path& root) {
    auto place = path_text({Ref<Mount>::share(const_cast<Mount*>(&m)), m.root}, root);
    if (!place) return;
    print_escaped(out, m.source);
    out.write(" ");
    print_escaped(out, *place);
    print(out, " {} ", m.superblock->type_name());
    if (m.superblock->read_only && !(m.flags & MS_RDONLY))
        out.write("ro,");
    else
        print_mount_options(out, m);
    m.superblock->print_options(out);
    out.write(" 0 0\n");
}

void print_mountinfo_line(Writer& out, const Mount& m, const Path& root) {
    Path here{Ref<Mount>::share(const_cast<Mount*>(&m)), m.root};
    auto place = path_text(here, root);
    if (!place) return;
    Path on = m.mounted_on();
    print(out, "{} {} 0:{} ", m.id, on ? on.mount->id : m.id, m.superblock->device());
    auto buffer = make<BackwardBuffer>();
    if (!buffer) return;
    Backward names{(*buffer)->bytes};
    // Which directory of its file system the mount shows: a path inside the superblock, whatever is mounted where.
    Ref<Dentry> at = m.root;
    while (at && !at->is_root())
        at = DentryCache::prepend_name(*at, [&](std::string_view name) { names.prepend_name(name); });
    if (names.text().empty()) names.prepend("/");
    print_escaped(out, names.text());
    out.write(" ");
    print_escaped(out, *place);
    out.write(" ");
    print_mount_options(out, m);
    print(out, " - {} ", m.superblock->type_name());
    print_escaped(out, m.source);
    out.write(m.superblock->read_only ? " ro" : " rw");
    m.superblock->print_options(out);
    out.write("\n");
}
} // namespace vfs
