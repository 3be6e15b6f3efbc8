// Paths and mounts as text: getcwd(2), /proc/pid/fd, /proc/mounts.
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/operations.h"
#include <array>
#include <linux/mount.h>

namespace vfs {
namespace {
/// A path is found from its end: filled from the back.
struct BackwardBuffer {
    BackwardBuffer() {} // the bytes are not zeroed
    std::array<char, path_max> bytes;
    usize at = path_max;
    bool full = false;
    void prepend(std::string_view s) {
        if (s.size() > at) {
            full = true;
            return;
        }
        at -= s.size();
        std::memcpy(bytes.data() + at, s.data(), s.size());
    }
    std::string_view text() const { return {bytes.data() + at, path_max - at}; }
};

/// Fills in the names from `root` to `p`. False: `p` does not lie below `root`.
bool collect(BackwardBuffer& out, Path p, const Path& root) {
    bool below = true;
    while (p != root) {
        if (p.dentry == p.mount->root) {
            Path up = p.mount->mounted_on();
            if (!up) {
                below = false;
                break;
            }
            p = std::move(up);
            continue;
        }
        auto parent = DentryCache::prepend_name(*p.dentry, [&](std::string_view name) {
            out.prepend(name);
            out.prepend("/");
        });
        if (!parent) {
            below = false;
            break;
        }
        p.dentry = std::move(parent);
    }
    if (out.at == path_max) out.prepend("/");
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

void print_path(Writer& out, const Path& p, const Path& root) {
    auto buffer = make<BackwardBuffer>();
    if (!buffer) return;
    if (!collect(**buffer, p, root)) out.write("(unreachable)");
    out.write((*buffer)->text());
    if (p.dentry->unlinked()) out.write(" (deleted)");
}

Result<String> path_text(const Path& p, const Path& root) {
    auto buffer = TRY(make<BackwardBuffer>());
    if (p.dentry->unlinked() || !collect(*buffer, p, root)) return err::noent;
    if (buffer->full || buffer->text().size() >= path_max) return err::nametoolong;
    return String::create(buffer->text());
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
    // Which directory of its file system the mount shows: a path inside the superblock, whatever is mounted where.
    Ref<Dentry> at = m.root;
    while (at && !at->is_root())
        at = DentryCache::prepend_name(*at, [&](std::string_view name) {
            (*buffer)->prepend(name);
            (*buffer)->prepend("/");
        });
    if ((*buffer)->at == path_max) (*buffer)->prepend("/");
    print_escaped(out, (*buffer)->text());
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
