#include "kernel/vfs/walk.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/permission.h"
#include <linux/mount.h>

namespace vfs {
namespace {
/// Without leading slashes.
std::string_view skip_slashes(std::string_view s) {
    while (!s.empty() && s.front() == '/') s.remove_prefix(1);
    return s;
}
} // namespace

Result<Ref<Dentry>> look_up_locked(Dentry& directory, std::string_view name) {
    if (auto cached = DentryCache::find(directory, name)) return cached;
    Directory& in = *directory.inode()->directory();
    auto found = in.lookup(name);
    if (!found && found.error() != Errno::noent) return std::unexpected(found.error());
    auto made = TRY(DentryCache::make(directory, name, found ? std::move(*found) : nullptr));
    if (!in.volatile_names() && !directory.unlinked()) DentryCache::hash(*made);
    return made;
}

Result<Ref<Dentry>> look_up(Dentry& directory, std::string_view name) {
    if (name.size() > name_max) return err::nametoolong;
    if (auto cached = DentryCache::find(directory, name)) return cached;
    Holding hold{directory.inode()->directory()->lock};
    return look_up_locked(directory, name);
}

Result<> PathWalk::begin(std::string_view path) {
    if (path.size() >= path_max) return err::nametoolong;
    if (path.empty() && !(flags_ & walk_empty)) return err::noent;
    absolute_ = path.starts_with('/');
    if (absolute_ && flags_ & walk_beneath) return err::xdev;
    rest_ = path;
    return {};
}

const Path& PathWalk::root() {
    if (!root_) root_ = flags_ & (walk_beneath | walk_in_root) ? walker_.start_place() : walker_.root_place();
    return root_;
}

/// Where the walk begins, for a reader.
RcuPath PathWalk::start_rcu() const {
    bool from_root = absolute_ && !(flags_ & walk_in_root);
    const Path& given = from_root ? walker_.root : walker_.start;
    if (given) return {given.mount.get(), given.dentry.get()};
    return walker_.fs->find_rcu(from_root);
}

/// How far a walk_rcu has come.
struct PathWalk::RcuWalk {
    RcuPath at;
    std::string_view rest;
    std::string_view last_name = {}, behind = {}; // if that is where it has come, as Take::parent wants
};

/// Passes names that need nothing but the cache, for a reader; stops before any other.
void PathWalk::pass_names(RcuWalk& g, Take take) const {
    std::string_view names = skip_slashes(g.rest);
    while (!names.empty()) {
        usize n = 0;
        while (n < names.size() && names[n] != '/') n++;
        std::string_view name = names.substr(0, n), after = names.substr(n);
        names = skip_slashes(after);
        bool last = names.empty();
        if (last && take == Take::parent) {
            g.last_name = name;
            g.behind = after;
            return;
        }
        Inode* directory = g.at.dentry->inode();
        if (!directory || !directory->is_directory()) return;
        Protection protection = directory->published();
        if (!protection.mode || !permits_search(protection, *walker_.credentials, flags_ & walk_real_ids)) return;
        if (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.'))) {
            if (n == 2 || last) return;
            g.rest = after;
            continue;
        }
        Dentry* d = n <= name_max ? DentryCache::find_rcu(*g.at.dentry, name) : nullptr;
        if (!d) return;
        Mount* mount = g.at.mount;
        while (d->is_mount_point()) {
            Mount* on = mount->mounted_on_rcu(*d);
            if (!on) break;
            if (flags_ & walk_no_mounts) return;
            mount = on;
            d = on->top();
        }
        Inode* inode = d->inode();
        if (!inode) return;
        if (inode->is_symlink() && !(last && after.empty() && take == Take::last_link)) return;
        g.at = {mount, d};
        g.rest = after;
    }
}

PathWalk::Last PathWalk::kind_of(std::string_view name) {
    return name == "." ? Last::dot : name == ".." ? Last::dot_dot : Last::name;
}

/// Goes as far as the cache knows the way, without locks, and takes references only to where it leads. Does nothing
/// when the tree changed meanwhile. True: that was the way to the last component.
bool PathWalk::walk_rcu(Take take) {
    std::string_view& text = links_.empty() ? rest_ : links_.back().rest;
    Ref<Dentry> dentry;
    Ref<Mount> mount;
    RcuWalk g{.at = {}, .rest = text};
    bool good;
    {
        epoch::Reading reading;
        u64 seen = DentryCache::moves.read_begin(), own_seen = walker_.fs ? walker_.fs->changes.read_begin() : 0;
        auto astray = [&] {
            return DentryCache::moves.read_retry(seen) || (walker_.fs && walker_.fs->changes.read_retry(own_seen));
        };
        bool fresh = !at_;
        g.at = fresh ? start_rcu() : RcuPath{at_.mount.get(), at_.dentry.get()};
        if (astray()) return false;
        // The last name in a symbolic link's text is not the path's last one, as a rule.
        pass_names(g, links_.empty() ? take : Take::parent);
        if (!fresh && g.at.dentry == at_.dentry.get()) return false;
        if (g.at.dentry->try_retain()) dentry = Ref<Dentry>::adopt(g.at.dentry);
        if (g.at.mount->try_retain()) mount = Ref<Mount>::adopt(g.at.mount);
        good = dentry && mount && !astray();
    }
    if (!good) return false;
    at_ = {std::move(mount), std::move(dentry)};
    text = g.rest;
    if (g.last_name.empty() || !links_.empty()) return false;
    text = g.behind;
    name_ = g.last_name;
    slash_ = slash_ || !text.empty();
    last_ = kind_of(name_);
    return true;
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
    if (links_.empty()) [[likely]] {
        if (!skip_slashes(rest_).empty()) return false;
        slash_ = slash_ || !rest_.empty();
        return true;
    }
    bool slash = false;
    for (usize i = links_.size() + 1; i-- > 0;) {
        std::string_view text = i ? links_[i - 1].rest : rest_;
        if (!skip_slashes(text).empty()) return false;
        slash = slash || !text.empty();
    }
    slash_ = slash_ || slash;
    return true;
}

/// Whether at() is a directory whose names may be looked up.
Result<> PathWalk::search() {
    if (!at_.inode().is_directory()) return err::notdir;
    Inode& inode = at_.inode();
    if (!permits_search(inode.protection(), *walker_.credentials, flags_ & walk_real_ids)) return err::acces;
    return inode.is_published() ? Result<>{} : inode.permission(*walker_.credentials, may_execute);
}

Result<> PathWalk::up() {
    while (true) {
        if (at_ == root()) return flags_ & walk_beneath ? Result<>{err::xdev} : Result<>{};
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
    Symlink& symlink = *link.inode().symlink();
    if (symlink.is_magic()) {
        if (flags_ & walk_no_magic_links) return err::loop;
        if (flags_ & (walk_beneath | walk_in_root)) return err::xdev;
        Path there = TRY(symlink.jump());
        if (flags_ & walk_no_mounts && there.mount != at_.mount) return err::xdev;
        at_ = std::move(there);
        return {};
    }
    Text text{TRY(symlink.target()), {}};
    text.rest = text.owned->view();
    if (text.rest.empty()) return err::noent;
    touch_access(link);
    if (text.rest.starts_with('/')) {
        if (flags_ & walk_beneath) return err::xdev;
        if (flags_ & walk_no_mounts && root().mount != at_.mount) return err::xdev;
        at_ = root();
    }
    return links_.push(std::move(text));
}

Result<> PathWalk::follow_at_end(const Path& link) {
    TRY(may_follow(at_.inode(), link.inode(), *walker_.credentials));
    return follow(link);
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
    TRY(advance(Take::parent));
    return last_ == Last::here ? Result<>{} : search();
}

/// To the last component, or behind it where `take` allows and the cache is enough for it.
Result<> PathWalk::advance(Take take) {
    while (true) {
        if (walk_rcu(take)) return {};
        if (!at_) at_ = absolute_ ? root() : walker_.start_place();
        if (at_end()) {
            name_ = {};
            last_ = Last::here;
            return {};
        }
        std::string_view name = next();
        name_ = name;
        if (at_end()) {
            last_ = kind_of(name);
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
        TRY(advance(follow_last ? Take::last : Take::last_link));
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
        TRY(follow_at_end(found));
    }
    return finish_last();
}

Result<Path> resolve(const Walker& walker, std::string_view path, u32 flags) {
    PathWalk walk{walker, flags};
    TRY(walk.begin(path));
    return walk.finish(flags & walk_follow);
}
} // namespace vfs
