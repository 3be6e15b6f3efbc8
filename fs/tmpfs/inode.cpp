// Attributes, extended attributes, and what tmpfs knows of pages.
#include "fs/tmpfs/tmpfs.h"
#include "kernel/vfs/memfd.h"
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/xattr.h>

namespace tmpfs {
namespace {
constexpr usize most_xattr_bytes = 64 * KiB; // of one inode, names and values
constexpr i64 day = 24 * 60 * 60;

bool before(const vfs::Timestamp& a, const vfs::Timestamp& b) {
    return a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds;
}
} // namespace

Inode::Inode(Superblock& sb, Ref<Node> node, bool in_table)
    : vfs::Inode{sb, node->number, node->mode}, node_{std::move(node)}, in_table_{in_table} {
    publish();
}

Inode::~Inode() {
    Superblock& s = sb();
    {
        auto live = s.live_.lock();
        if (listed_) live->erase(live->iterator_to(*this));
    }
    if (node_->links != 0) return;
    s.uncharge_blocks(node_->blocks());
    s.used_inodes_.fetch_sub(1, std::memory_order_relaxed);
}

Superblock& Inode::sb() const { return static_cast<Superblock&>(*superblock_); }

Result<Node*> Inode::own() {
    u64 token = sb().token();
    if (node_->owner == token) return node_.get();
    auto copy = TRY(node_->copy(token));
    if (in_table_) TRY(sb().table_.lock()->insert(copy, token));
    node_ = std::move(copy);
    if (is_regular()) static_cast<RegularInode&>(*this).pages_.set_content(node_->content);
    return node_.get();
}
Result<Node*> Inode::own_locked() {
    Holding hold{lock_};
    return own();
}

void Inode::publish() {
    bool capabilities = false;
    if (node_->xattrs)
        for (const Xattr& x : node_->xattrs->all) capabilities |= x.name == XATTR_NAME_CAPS;
    vfs::Inode::publish({node_->mode, node_->uid, node_->gid}, capabilities, node_->flags);
    links_.store(node_->links, std::memory_order_relaxed);
}

vfs::Attributes Inode::attributes() {
    Holding hold{lock_};
    const Node& n = *node_;
    return {.number = n.number,
            .mode = n.mode,
            .uid = n.uid,
            .gid = n.gid,
            .links = n.links,
            .size = S_ISDIR(n.mode) ? (n.entry_count + 2) * 20 : n.content.size,
            .blocks = n.blocks() * (page_size / 512),
            .block_size = page_size,
            .device = n.device,
            .flags = n.flags,
            .access = n.access,
            .modification = n.modification,
            .change = n.change,
            .birth = n.birth};
}

u32 Inode::known_flags() const { return FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL; }
u32 Inode::inherited_flags() const { return published_flags() & (FS_NODUMP_FL | FS_NOATIME_FL); }

u32 Inode::links() { return links_.load(std::memory_order_relaxed); }

Result<> Inode::change(const vfs::AttributeChange& c) {
    using Change = vfs::AttributeChange;
    if (c.set & Change::size_bit) {
        if (!is_regular()) return err::inval;
        TRY(pages()->resize(c.size));
        if (c.set == Change::size_bit) return {};
    }
    Sharing inside{sb().gate};
    Holding hold{lock_};
    bool execution_changes = c.set & Change::mode_bit && (node_->mode ^ c.mode) & 0111;
    if (execution_changes && node_->content.seals & vfs::seal_execution) return err::perm;
    Node* n = TRY(own());
    if (c.set & Change::mode_bit) n->mode = (n->mode & S_IFMT) | (c.mode & 07777);
    if (c.set & Change::uid_bit) n->uid = c.uid;
    if (c.set & Change::gid_bit) n->gid = c.gid;
    if (c.set & Change::flags_bit) n->flags = c.flags;
    n->change = vfs::now();
    if (c.set & Change::access_bit) n->access = c.access;
    if (c.set & Change::modification_bit) n->modification = c.modification;
    publish();
    return {};
}

void Inode::accessed(bool relative) {
    vfs::Timestamp now = vfs::now();
    auto due = [&] {
        const Node& n = *node_;
        if (!relative) return n.access.seconds != now.seconds || n.access.nanoseconds != now.nanoseconds;
        return before(n.access, n.modification) || before(n.access, n.change) || now.seconds - n.access.seconds >= day;
    };
    {
        Holding hold{lock_};
        if (!due()) return;
    }
    Sharing inside{sb().gate};
    Holding hold{lock_};
    if (auto n = own()) (*n)->access = now; // short of memory: the time stays
}

Result<usize> Inode::get_xattr(std::string_view name, std::span<std::byte> to) {
    Holding hold{lock_};
    if (node_->xattrs)
        for (const Xattr& x : node_->xattrs->all)
            if (x.name == name) {
                if (to.empty()) return x.value.size();
                if (to.size() < x.value.size()) return err::range;
                std::memcpy(to.data(), x.value.view().data(), x.value.size());
                return x.value.size();
            }
    return err::nodata;
}

/// Replaces the list by one in which `name` has `value`, or is missing when that is null.
Result<> Inode::replace_xattr(std::string_view name, const std::string_view* value, int flags) {
    Sharing inside{sb().gate};
    Holding hold{lock_};
    auto made = TRY(make_ref<Xattrs>());
    bool existed = false;
    usize bytes = 0;
    auto add = [&](std::string_view n, std::string_view v) -> Result<> {
        bytes += n.size() + v.size();
        return made->all.push({TRY(String::create(n)), TRY(String::create(v))});
    };
    if (node_->xattrs)
        for (const Xattr& x : node_->xattrs->all) {
            if (x.name == name)
                existed = true;
            else
                TRY(add(x.name, x.value));
        }
    if (existed && flags & XATTR_CREATE) return err::exist;
    if (!existed && (!value || flags & XATTR_REPLACE)) return err::nodata;
    if (value) TRY(add(name, *value));
    if (bytes > most_xattr_bytes) return err::nospc;
    Node* n = TRY(own());
    n->xattrs = made->all.empty() ? nullptr : std::move(made);
    n->change = vfs::now();
    publish();
    return {};
}
Result<> Inode::set_xattr(std::string_view name, std::span<const std::byte> value, int flags) {
    std::string_view text{reinterpret_cast<const char*>(value.data()), value.size()};
    return replace_xattr(name, &text, flags);
}
Result<> Inode::remove_xattr(std::string_view name) { return replace_xattr(name, nullptr, 0); }

Result<usize> Inode::list_xattr(std::span<char> to) {
    Holding hold{lock_};
    usize at = 0;
    if (node_->xattrs)
        for (const Xattr& x : node_->xattrs->all) {
            usize n = x.name.size() + 1;
            if (!to.empty()) {
                if (at + n > to.size()) return err::range;
                std::memcpy(to.data() + at, x.name.view().data(), n - 1);
                to[at + n - 1] = 0;
            }
            at += n;
        }
    return at;
}

RegularInode::Pages::~Pages() {
    auto written = of().sb().written_.lock();
    if (of().written_) written->erase(written->iterator_to(*this));
}
Result<> RegularInode::Pages::own_content() {
    TRY(of().own());
    return {};
}
void RegularInode::Pages::modified() { of().node().modification = of().node().change = vfs::now(); }
Result<> RegularInode::Pages::charge(u64 pages) { return of().sb().charge_blocks(pages); }
void RegularInode::Pages::uncharge(u64 pages) { of().sb().uncharge_blocks(pages); }
void RegularInode::Pages::page_changed(u64, bool) { // by a mapping: of memory nothing else is told
    auto written = of().sb().written_.lock();
    if (!std::exchange(of().written_, true)) written->push_back(*this);
}
} // namespace tmpfs
