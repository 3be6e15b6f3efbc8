#include "core/rng/rng.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/vfs/operations.h"
#include "kernel/views/view.h"
#include "lib/numbers.h"
#include "lib/split.h"
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>

namespace tmpfs {
constinit const vfs::FilesystemType type{
    .name = "tmpfs", .needs_device = false, .mountable_in_container = true, .mount = Superblock::mount};

namespace {
constinit std::atomic<u64> next_token = 1;
u64 new_token() { return next_token.fetch_add(1, std::memory_order_relaxed); }

/// "64k", "10%" (of all memory), "1048576" in bytes.
Result<u64> parse_size(std::string_view s) {
    bool percent = s.ends_with('%');
    if (percent) {
        u64 n = TRY(parse_number<u64>(s.substr(0, s.size() - 1), 10));
        return mm::memory_info().total / 100 * n;
    }
    unsigned shift = 0;
    if (!s.empty()) {
        static constexpr std::string_view units = "kmgtpe";
        usize at = units.find(static_cast<char>(s.back() | 0x20));
        if (at != std::string_view::npos) {
            shift = static_cast<unsigned>(10 * (at + 1));
            s.remove_suffix(1);
        }
    }
    u64 n = TRY(parse_number<u64>(s, 10));
    if (n > ~u64{0} >> shift) return err::inval;
    return n << shift;
}

Result<> parse_option(Limits& to, std::string_view name, std::string_view value, const View& view) {
    if (name == "size")
        to.blocks = page_up(TRY(parse_size(value))) / page_size;
    else if (name == "nr_blocks")
        to.blocks = TRY(parse_size(value));
    else if (name == "nr_inodes")
        to.inodes = TRY(parse_size(value));
    else if (name == "mode")
        to.mode = TRY(parse_number<u32>(value, 8)) & 07777;
    else if (name == "uid")
        to.uid = view.users->kuid(TRY(parse_number<u32>(value, 10)));
    else if (name == "gid")
        to.gid = view.users->kgid(TRY(parse_number<u32>(value, 10)));
    else if (name != "inode64" && name != "inode32" && name != "huge" && name != "mpol" && name != "noswap")
        return err::inval;
    return to.uid == ids::no_user || to.gid == ids::no_group ? Result<>{err::inval} : Result<>{};
}

Result<> parse_options(Limits& to, std::string_view options, const View& view) {
    TRY(split(options, ',', [&](std::string_view one) -> Result<> {
        if (one.empty()) return {};
        usize equals = one.find('=');
        std::string_view value = equals == std::string_view::npos ? std::string_view{} : one.substr(equals + 1);
        return parse_option(to, one.substr(0, equals), value, view);
    }));
    // 0 means no limit.
    if (to.blocks == 0) to.blocks = ~u64{0};
    if (to.inodes == 0) to.inodes = ~u64{0};
    return {};
}
} // namespace

Result<Ref<vfs::Superblock>> Superblock::mount(const vfs::MountRequest& request) {
    auto sb = TRY(make_ref<Superblock>());
    sb->token_ = new_token();
    sb->limits_.blocks = mm::memory_info().total / 2 / page_size;
    sb->limits_.inodes = sb->limits_.blocks;
    sb->defaults_ = sb->limits_;
    sb->limits_.uid = request.uid;
    sb->limits_.gid = request.gid;
    TRY(parse_options(sb->limits_, request.options, request.view));
    auto root =
        TRY(sb->make_inode({.mode = S_IFDIR | sb->limits_.mode, .uid = sb->limits_.uid, .gid = sb->limits_.gid}, true));
    sb->root_number_ = root->number();
    return sb;
}

Superblock::~Superblock() = default;

Result<Ref<vfs::Inode>> Superblock::root() { return TRY(get(root_number_)); }

vfs::Statistics Superblock::statistics() {
    vfs::Statistics s{.type = TMPFS_MAGIC, .block_size = page_size};
    u64 blocks = used_blocks_.load(std::memory_order_relaxed), inodes = used_inodes_.load(std::memory_order_relaxed);
    if (limits_.blocks != ~u64{0}) {
        s.blocks = limits_.blocks;
        s.free_blocks = blocks < s.blocks ? s.blocks - blocks : 0;
    }
    if (limits_.inodes != ~u64{0}) {
        s.files = limits_.inodes;
        s.free_files = inodes < s.files ? s.files - inodes : 0;
    }
    return s;
}

void Superblock::print_options(Writer& out) {
    if (limits_.blocks != defaults_.blocks && limits_.blocks != ~u64{0})
        print(out, ",size={}k", limits_.blocks * (page_size / KiB));
    if (limits_.inodes != defaults_.inodes && limits_.inodes != ~u64{0}) print(out, ",nr_inodes={}", limits_.inodes);
    if (limits_.mode != 01777) print(out, ",mode={:o}", limits_.mode);
    if (limits_.uid != Kuid{0}) print(out, ",uid={}", static_cast<u32>(limits_.uid));
    if (limits_.gid != Kgid{0}) print(out, ",gid={}", static_cast<u32>(limits_.gid));
}

Result<> Superblock::reconfigure(std::string_view options) {
    Limits changed = limits_;
    TRY(parse_options(changed, options, View::root())); // the owner stays
    if (changed.blocks < used_blocks_ || changed.inodes < used_inodes_) return err::inval;
    limits_.blocks = changed.blocks;
    limits_.inodes = changed.inodes;
    return {};
}

/// Takes blocks for new pages. err::nospc: the size limit.
Result<> Superblock::charge_blocks(u64 n) {
    u64 used = used_blocks_.load(std::memory_order_relaxed);
    do {
        if (used + n > limits_.blocks) return err::nospc;
    } while (!used_blocks_.compare_exchange_weak(used, used + n, std::memory_order_relaxed));
    return {};
}

/// The inode in memory with a number, brought there from the table if need be.
Result<Ref<Inode>> Superblock::get(u64 number) {
    auto find = [&](Live& live) -> Ref<Inode> {
        auto it = live.find(number);
        return it != live.end() && it->try_retain() ? Ref<Inode>::adopt(&*it) : nullptr;
    };
    if (auto there = find(*live_.lock())) return there;
    Ref<Node> node;
    {
        auto table = table_.lock();
        node = Ref<Node>::share(static_cast<Node*>(table->find(Node::table_key(number))));
    }
    if (!node) return err::stale;
    auto made = TRY(make_inode(std::move(node), true));
    auto live = live_.lock();
    if (auto there = find(*live)) return there; // another thread was faster
    // One that is being freed may still be listed under the number.
    if (auto old = live->find(number); old != live->end()) {
        old->listed_ = false;
        live->erase(old);
    }
    live->insert(*made);
    made->listed_ = true;
    return made;
}

Result<Ref<Inode>> Superblock::make_inode(Ref<Node> node, bool in_table) {
    switch (node->mode & S_IFMT) {
    case S_IFREG: return TRY(make_ref<RegularInode>(*this, std::move(node), in_table));
    case S_IFDIR: return TRY(make_ref<Directory>(*this, std::move(node), in_table));
    case S_IFLNK: return TRY(make_ref<Symlink>(*this, std::move(node), in_table));
    default: return make_ref<Inode>(*this, std::move(node), in_table);
    }
}

/// A new inode with no name yet, inside the gate. err::nospc: the limit of inodes.
Result<Ref<Inode>> Superblock::make_inode(const vfs::NewInode& wanted, bool in_table) {
    if (used_inodes_.fetch_add(1, std::memory_order_relaxed) >= limits_.inodes) {
        used_inodes_.fetch_sub(1, std::memory_order_relaxed);
        return err::nospc;
    }
    u64 blocks = S_ISLNK(wanted.mode) ? Node::link_blocks(wanted.symlink_target) : 0;
    if (auto charged = charge_blocks(blocks); !charged) {
        used_inodes_.fetch_sub(1, std::memory_order_relaxed);
        return std::unexpected(charged.error());
    }
    auto build = [&]() -> Result<Ref<Inode>> {
        auto node = TRY(make_ref<Node>(next_number_.fetch_add(1, std::memory_order_relaxed), token()));
        node->mode = wanted.mode;
        node->uid = wanted.uid;
        node->gid = wanted.gid;
        node->device = wanted.device;
        node->flags = wanted.flags;
        node->links = S_ISDIR(wanted.mode) ? 2 : 0;
        node->content.seals =
            in_table ? F_SEAL_SEAL : 0; // only a file without a name may come to be sealed: memfd_create(2)
        node->access = node->modification = node->change = node->birth = vfs::now();
        if (S_ISLNK(wanted.mode)) {
            node->target = TRY(vfs::LinkText::create(wanted.symlink_target));
            node->content.size = wanted.symlink_target.size();
        }
        if (in_table) TRY(table_.lock()->insert(node, token()));
        auto made = make_inode(node, in_table);
        if (!made && in_table) (void)table_.lock()->erase(node->key(), token());
        return made;
    };
    auto made = build();
    if (!made) {
        uncharge_blocks(blocks);
        used_inodes_.fetch_sub(1, std::memory_order_relaxed);
        return made;
    }
    if (in_table) {
        auto live = live_.lock();
        live->insert(**made);
        (*made)->listed_ = true;
    }
    return made;
}

Result<Ref<vfs::Superblock>> Superblock::snapshot(vfs::Inode& new_root) {
    if (&new_root.superblock() != this || !new_root.is_directory()) return err::inval;
    auto view = TRY(make_ref<Superblock>());
    Holding nobody_changes{gate};
    view->table_.unguarded() = table_.lock()->share();
    view->token_ = new_token();
    token_ = new_token();
    view->root_number_ = new_root.number();
    view->next_number_ = next_number_.load();
    view->used_blocks_ = used_blocks_.load();
    view->used_inodes_ = used_inodes_.load();
    // As if it were mounted now, beside what it shares.
    view->limits_ = limits_;
    u64 half = mm::memory_info().total / 2 / page_size;
    view->limits_.blocks = std::min(limits_.blocks, view->used_blocks_ + half);
    view->limits_.inodes = std::min(limits_.inodes, view->used_inodes_ + half);
    view->defaults_ = view->limits_;
    // Pages that mappings may write to belong to both sides now: let the next write fault.
    while (true) {
        Ref<RegularInode> inode;
        {
            auto written = written_.lock();
            if (written->empty()) break;
            auto& first = written->front();
            written->pop_front();
            first.of().written_ = false;
            if (!first.of().try_retain()) continue;
            inode = Ref<RegularInode>::adopt(&first.of());
        }
        Holding hold{inode->lock_};
        inode->pages_.unmap(0, ~u64{0} >> page_shift, false);
    }
    return view;
}
} // namespace tmpfs
