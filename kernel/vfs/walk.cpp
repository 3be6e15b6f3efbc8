#include "kernel/vfs/walk.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/permission.h"
#include <linux/mount.h>

namespace vfs {
namespace {
/// Without leading slashes.
std::string_view skip_slashes(std::string_view s) {
    usize at = s.find_first_not_of('/');
    return at == std::string_view::npos ? std::string_view{} : s.substr(at);
}
} // namespace

Result<Ref<Dentry>> look_up_locked(Dentry& directory, std::string_view name) {
    if (auto cached = DentryCache::find(directory, name)) return cached;
    Inode& inode = *directory.inode();
    auto found = inode.lookup(name);
    if (!found && found.error() != Errno::noent) return std::unexpected(found.error());
    auto made = TRY(DentryCache::make(directory, name, found ? std::move(*found) : nullptr));
    if (!inode.volatile_names() && !directory.unlinked()) DentryCache::hash(*made);
    return made;
}

Result<Ref<Dentry>> look_up(Dentry& directory, std::string_view name) {
    if (name.size() > name_max) return err::nametoolong;
    if (auto cached = DentryCache::find(directory, name)) return cached;
    Holding hold{directory.inode()->directory_lock};
    return look_up_locked(directory, name);
}

Result<> PathWalk::begin(std::string_view path) {
    if (path.size() >= path_max) return err::nametoolong;
    if (path.empty() && !(flags_ & walk_empty)) return err::noent;
    bool confined = flags_ & (walk_beneath | walk_in_root);
    root_ = confined ? who_.start : who_.root;
    at_ = who_.start;
    if (path.starts_with('/')) {
        if (flags_ & walk_beneath) return err::xdev;
        at_ = root_;
    }
    rest_ = path;
    return {};
}

/// The next component, from the innermost text that has one; empty at the end of everything.
std::string_view PathWalk::next() {
    while (true) {
        std::string_view& text = links_.empty() ? rest_ : links_.back().rest;
        text = skip_slashes(text);
        if (!text.empty()) {
            std::string_view name = text.substr(0, text.find('/'));
            text.remove_prefix(name.size());
            return name;
        }
        if (links_.empty()) return {};
        links_.pop();
    }
}

/// Whether nothing but slashes is left, and whether there are any.
bool PathWalk::at_end() {
    bool slash = false;
    for (usize i = links_.size() + 1; i-- > 0;) {
        std::string_view text = i ? links_[i - 1].rest : rest_;
        if (!skip_slashes(text).empty()) return false;
        slash = slash || !text.empty();
    }
    slash_ = slash_ || slash;
    return true;
}

Result<> PathWalk::search() {
    if (!at_.inode().is_directory()) return err::notdir;
    return check_mode(at_.inode(), *who_.who, may_execute, flags_ & walk_real_ids);
}

Result<> PathWalk::up() {
    while (true) {
        if (at_ == root_) return flags_ & walk_beneath ? Result<>{err::xdev} : Result<>{};
        if (at_.dentry != at_.mount->root) break;
        Path below = at_.mount->mounted_on();
        if (!below) return {}; // the root of everything
        if (flags_ & walk_no_mounts) return err::xdev;
        at_ = std::move(below);
    }
    auto parent = at_.dentry->parent();
    if (!parent) return {};
    // A directory that was moved out of what a bind mount shows must not lead out of it.
    if (!at_.mount->root->is_root() && !DentryCache::is_below(*parent, *at_.mount->root)) return err::noent;
    at_ = TRY(cross(std::move(parent)));
    return {};
}

Result<Path> PathWalk::cross(Ref<Dentry> d) {
    Path to{at_.mount, std::move(d)};
    while (to.dentry->is_mount_point()) {
        auto mount = to.mount->mounted_at(*to.dentry);
        if (!mount) break;
        if (flags_ & walk_no_mounts) return err::xdev;
        to.dentry = mount->root;
        to.mount = std::move(mount);
    }
    return to;
}

Result<> PathWalk::follow(const Path& link) {
    if (flags_ & walk_no_symlinks || ++followed_ > max_symlinks) return err::loop;
    if (link.mount->flags.load(std::memory_order_relaxed) & MS_NOSYMFOLLOW) return err::loop;
    Inode& inode = link.inode();
    if (inode.is_magic_link()) {
        if (flags_ & walk_no_magic_links) return err::loop;
        if (flags_ & (walk_beneath | walk_in_root)) return err::xdev;
        Path there = TRY(inode.jump());
        if (flags_ & walk_no_mounts && there.mount != at_.mount) return err::xdev;
        at_ = std::move(there);
        return {};
    }
    Text text{TRY(inode.readlink()), {}};
    if (text.owned.empty()) return err::noent;
    touch_access(link);
    text.rest = text.owned.view();
    if (text.rest.starts_with('/')) {
        if (flags_ & walk_beneath) return err::xdev;
        if (flags_ & walk_no_mounts && root_.mount != at_.mount) return err::xdev;
        at_ = root_;
    }
    return links_.push(std::move(text));
}

/// A component that is not the last one.
Result<> PathWalk::step(std::string_view name) {
    TRY(search());
    if (name == ".") return {};
    if (name == "..") return up();
    auto d = TRY(look_up(*at_.dentry, name));
    if (!d->inode()) return err::noent;
    if (d->inode()->is_symlink() && !d->is_mount_point()) return follow({at_.mount, std::move(d)});
    if (!d->is_mount_point()) [[likely]]
        at_.dentry = std::move(d);
    else
        at_ = TRY(cross(std::move(d)));
    return {};
}

Result<> PathWalk::to_parent() {
    while (true) {
        std::string_view name = next();
        name_ = name;
        if (name.empty()) {
            last_ = Last::here;
            return {};
        }
        if (at_end()) {
            last_ = name == "." ? Last::dot : name == ".." ? Last::dot_dot : Last::name;
            return {};
        }
        TRY(step(name));
    }
}

Result<Path> PathWalk::finish_last() {
    if (last_ != Last::here) TRY(search());
    if (last_ == Last::dot_dot) TRY(up());
    if ((slash_ || flags_ & walk_directory) && !at_.inode().is_directory()) return err::notdir;
    return std::move(at_);
}

Result<Path> PathWalk::finish(bool follow_last) {
    while (true) {
        TRY(to_parent());
        if (last_ != Last::name) break;
        TRY(search());
        auto d = TRY(look_up(*at_.dentry, name_));
        if (!d->inode()) return err::noent;
        Path found = TRY(cross(std::move(d)));
        if (!found.inode().is_symlink() || (!follow_last && !slash_)) {
            at_ = std::move(found);
            last_ = Last::here;
            break;
        }
        TRY(follow(found));
    }
    return finish_last();
}

Result<Path> resolve(const Walker& who, std::string_view path, u32 flags) {
    PathWalk walk{who, flags};
    TRY(walk.begin(path));
    return walk.finish(flags & walk_follow);
}
} // namespace vfs
