// Names: the entries of directories. The VFS holds the directories' locks.
#include "core/rng/rng.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/vfs/operations.h"
#include "lib/hash.h"
#include <linux/fs.h>
#include <linux/stat.h>

namespace tmpfs {
namespace {
/// Positions in a directory are hashes of names, two bits short so that every position fits into a positive off_t and
/// leaves room for "." and "..". All superblocks share the key, as snapshots share entries.
constexpr unsigned hash_shift = 2;
constexpr u64 first_position = 2;

const SipHash& name_hash() {
    static constinit Spinlock<Rank::device> lock;
    static constinit SipHash hash;
    static constinit std::atomic<bool> ready = false;
    if (!ready.load(std::memory_order_acquire)) {
        Holding hold{lock};
        if (!ready.load(std::memory_order_relaxed)) hash = SipHash{rng::number(), rng::number()};
        ready.store(true, std::memory_order_release);
    }
    return hash;
}
u64 entry_key(std::string_view name) { return name_hash()(name) >> hash_shift; }

const Entry* find_entry(const Node& directory, std::string_view name) {
    auto* e = static_cast<const Entry*>(directory.entries.find(entry_key(name)));
    return e && e->name() == name ? e : nullptr;
}
} // namespace

Result<Ref<vfs::Inode>> Directory::lookup(std::string_view name) {
    u64 number;
    {
        Holding hold{lock_};
        const Entry* e = find_entry(*node_, name);
        if (!e) return err::noent;
        number = e->inode;
    }
    return TRY(sb().get(number));
}

/// Puts an entry for `target` into this directory, in place of what has the name. Its own lock is taken for it.
Result<> Directory::set_entry(std::string_view name, const Inode& target, bool replaces) {
    return set_entry(entry_key(name), name, target, replaces);
}
Result<> Directory::set_entry(u64 key, std::string_view name, const Inode& target, bool replaces) {
    auto entry = TRY(Entry::create(key, name, target.number(), file::entry_type(target.type())));
    Holding hold{lock_};
    // Two names with one hash: nobody can find such a pair without the key, and chance does not within our lifetime.
    if (!replaces && node_->entries.find(key)) return err::nospc;
    Node* n = TRY(own());
    TRY(n->entries.insert(std::move(entry), n->owner));
    if (!replaces) n->entry_count++;
    n->modification = n->change = vfs::now();
    return {};
}

/// err::nomem before anything changed, unless prepare_removal() was called under the same gate.
Result<> Directory::remove_entry(u64 key) {
    Holding hold{lock_};
    Node* n = TRY(own());
    TRY(n->entries.erase(key, n->owner));
    n->entry_count--;
    n->modification = n->change = vfs::now();
    return {};
}
Result<> Directory::prepare_removal(u64 key) {
    Holding hold{lock_};
    Node* n = TRY(own());
    return n->entries.prepare(key, n->owner);
}

/// Owned before, so that it cannot fail.
void Inode::change_links(int by) {
    Holding hold{lock_};
    Node& n = *node_;
    n.links = static_cast<u32>(static_cast<int>(n.links) + by);
    n.change = vfs::now();
    if (n.links == 0 && in_table_) {
        (void)sb().table_.lock()->erase(n.key(), n.owner);
        in_table_ = false;
    }
    publish();
}

Result<Ref<vfs::Inode>> Directory::create(std::string_view name, const vfs::NewInode& wanted) {
    Sharing inside{sb().gate};
    vfs::NewInode with_flags = wanted;
    with_flags.flags = inherited_flags();
    auto made = TRY(sb().make_inode(with_flags, true));
    bool directory = S_ISDIR(wanted.mode);
    TRY(own_locked());
    auto done = set_entry(name, *made, false);
    if (!done) {
        made->change_links(directory ? -2 : 0);
        return std::unexpected(done.error());
    }
    if (directory)
        change_links(1);
    else
        made->change_links(1);
    return made;
}

Result<Ref<vfs::Inode>> Directory::create_unnamed(const vfs::NewInode& wanted) {
    Sharing inside{sb().gate};
    vfs::NewInode with_flags = wanted;
    with_flags.flags = inherited_flags();
    return TRY(sb().make_inode(with_flags, false));
}

Result<> Directory::link(std::string_view name, vfs::Inode& target_inode) {
    auto& target = static_cast<Inode&>(target_inode);
    Sharing inside{sb().gate};
    {
        Holding hold{target.lock_};
        Node* n = TRY(target.own());
        if (!target.in_table_) { // O_TMPFILE gets its first name
            TRY(sb().table_.lock()->insert(Ref<Node>::share(n), n->owner));
            target.in_table_ = true;
            auto live = sb().live_.lock();
            live->insert(target);
            target.listed_ = true;
        }
    }
    auto done = set_entry(name, target, false);
    target.change_links(done ? 1 : 0);
    return done;
}

Result<> Directory::unlink(std::string_view name, vfs::Inode& victim_inode) {
    auto& victim = static_cast<Inode&>(victim_inode);
    Sharing inside{sb().gate};
    TRY(victim.own_locked());
    TRY(remove_entry(entry_key(name)));
    victim.change_links(-1);
    return {};
}

Result<> Directory::rmdir(std::string_view name, vfs::Inode& victim_inode) {
    auto& victim = static_cast<Inode&>(victim_inode);
    Sharing inside{sb().gate};
    {
        Holding hold{victim.lock_};
        if (victim.node_->entry_count) return err::notempty;
        TRY(victim.own());
    }
    TRY(remove_entry(entry_key(name)));
    victim.change_links(-2);
    change_links(-1);
    return {};
}

Result<> Directory::rename(std::string_view name, vfs::Inode& moved_inode, vfs::Directory& to_directory,
                           std::string_view new_name, vfs::Inode* replaced_inode, unsigned flags) {
    auto& moved = static_cast<Inode&>(moved_inode);
    auto& to = static_cast<Directory&>(to_directory);
    auto* replaced = static_cast<Inode*>(replaced_inode);
    bool exchange = flags & RENAME_EXCHANGE, directory = moved.is_directory();
    bool other_directory = replaced && replaced->is_directory();
    Sharing inside{sb().gate};
    TRY(moved.own_locked());
    TRY(to.own_locked());
    if (replaced) {
        Holding hold{replaced->lock_};
        if (!exchange && other_directory && replaced->node_->entry_count) return err::notempty;
        TRY(replaced->own());
    }
    // From here on only the first step can fail for want of memory; then nothing has changed.
    u64 key = entry_key(name);
    TRY(prepare_removal(key));
    if (exchange) {
        TRY(set_entry(key, name, *replaced, true));
        if (auto done = to.set_entry(new_name, moved, true); !done) {
            (void)set_entry(key, name, moved, true);
            return done;
        }
        to.change_links(int{directory} - int{other_directory});
        change_links(int{other_directory} - int{directory});
        replaced->change_links(0);
    } else {
        TRY(to.set_entry(new_name, moved, replaced != nullptr));
        (void)remove_entry(key);
        if (directory) {
            change_links(-1);
            to.change_links(other_directory ? 0 : 1);
        }
        if (replaced) replaced->change_links(other_directory ? -2 : -1);
    }
    moved.change_links(0);
    return {};
}

Result<> Directory::read(DirectorySink& to, u64* at) {
    Ref<Node> node; // entries stand still: the VFS holds the directory's lock
    {
        Holding hold{lock_};
        node = node_;
    }
    u64 key = *at < first_position ? 0 : *at - first_position;
    node->entries.each(key, [&](const MapItem& item) {
        auto& e = static_cast<const Entry&>(item);
        u64 next = e.key() + first_position + 1;
        if (!to.entry(e.name(), e.inode, e.type, next)) return false;
        *at = next;
        return true;
    });
    return {};
}

Result<Ref<const vfs::LinkText>> Symlink::target() {
    Holding hold{lock_};
    if (!node_->target) return err::inval;
    return node_->target;
}
} // namespace tmpfs
