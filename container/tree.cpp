#include "container/tree.h"
#include "container/copy_up.h"
#include "container/places.h"
#include "core/log/log.h"
#include "kernel/vfs/device.h"
#include "lib/errno.h"
#include <linux/fcntl.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <optional>

namespace container {
namespace {
constexpr u64 null_device = device::number(MEM_MAJOR, 3);

/// Works in the container's new tree, as root, with paths that cannot leave it.
class TreeBuilder {
public:
    TreeBuilder(const vfs::Walker& host, const vfs::Path& bundle, const Spec& spec, View& view, json::Complaint& why)
        : host_{host}, bundle_{bundle}, spec_{spec}, view_{view}, why_{why} {}

    Result<Ref<vfs::MountTree>> build() {
        TRY(start());
        for (usize i = 0; i < spec_.mounts.size(); i++) {
            if (auto mounted = mount(spec_.mounts[i]); !mounted) {
                why_.say("mounts[{}] (\"{}\" on \"{}\"): {}", i, spec_.mounts[i].type.view(),
                         spec_.mounts[i].destination.view(), errno_text(mounted.error()));
                return std::unexpected(mounted.error());
            }
        }
        TRY(make_default_devices());
        TRY(make_resolver_file());
        for (usize i = 0; i < spec_.devices.size(); i++)
            if (auto made = make_device(spec_.devices[i]); !made) {
                std::string_view what = made.error() == Errno::exist   ? "something else is there"
                                        : made.error() == Errno::inval ? "its uid or gid has no mapping"
                                                                       : errno_text(made.error());
                why_.say("linux.devices[{}].path: \"{}\": {}", i, spec_.devices[i].path.view(), what);
                return std::unexpected(made.error());
            }
        if (auto made = places_->make_directories(spec_.process.cwd); !made) { // as runc does
            why_.say("process.cwd: \"{}\": {}", spec_.process.cwd.view(), errno_text(made.error()));
            return std::unexpected(made.error());
        }
        for (const String& path : spec_.masked_paths) TRY(named("linux.maskedPaths", path, mask(path)));
        for (const String& path : spec_.readonly_paths) TRY(named("linux.readonlyPaths", path, protect(path)));
        if (spec_.root_readonly) TRY(tree_->change_flags(tree_->root(), MS_RDONLY, 0, false));
        return std::move(tree_);
    }

private:
    Result<> named(std::string_view field, const String& path, Result<> done) {
        if (!done) why_.say("{}: \"{}\": {}", field, path.view(), errno_text(done.error()));
        return done;
    }

    /// The directory that root.path names, in the bundle.
    Result<vfs::Path> find_root() {
        constexpr u32 how = vfs::walk_directory | vfs::walk_follow;
        std::string_view path = spec_.root_path;
        if (!path.starts_with('/'))
            return vfs::resolve({host_.root_place(), bundle_, host_.credentials, 0}, path, how | vfs::walk_beneath);
        auto place = TRY(vfs::resolve(host_, path, how));
        auto named = TRY(vfs::path_text(place, host_.root_place()));
        auto bundle = TRY(vfs::path_text(bundle_, host_.root_place()));
        bool below =
            named.view().starts_with(bundle) && (bundle == "/" || named.view().substr(bundle.size()).starts_with('/'));
        return below ? Result<vfs::Path>{std::move(place)} : err::xdev;
    }
    /// The snapshot of the bundle's root, as "/".
    Result<> start() {
        auto root = find_root();
        if (!root) {
            std::string_view what = root.error() == Errno::xdev ? "leaves the bundle" : errno_text(root.error());
            why_.say("root.path: \"{}\": {}", spec_.root_path.view(), what);
            return std::unexpected(root.error());
        }
        auto& inode = root->inode();
        auto snapshot = inode.superblock().snapshot(inode);
        if (!snapshot) {
            why_.say("root.path: \"{}\": its file system ({}) has no snapshots", spec_.root_path.view(),
                     inode.superblock().type_name());
            return std::unexpected(snapshot.error());
        }
        tree_ = TRY(vfs::MountTree::create(std::move(*snapshot), "rootfs", 0));
        places_.emplace(vfs::Walker{tree_->root(), tree_->root(), TRY(builder_credentials(*view_.users)), 0});
        return {};
    }

    vfs::MountRequest request(std::string_view source, std::string_view options, unsigned long flags) {
        return {source, options, flags, view_, view_.users->root(), view_.users->root_group()};
    }
    Result<Ref<vfs::Superblock>> make_tmpfs(std::string_view options) {
        const vfs::FilesystemType* tmpfs = vfs::find_filesystem("tmpfs");
        return tmpfs ? tmpfs->mount(request("tmpfs", options, 0)) : err::nodev;
    }

    Result<> mount(const MountSpec& m) {
        if (!(m.flags & MS_BIND) && m.optional && !vfs::find_filesystem(m.type)) {
            log(LogLevel::info, "container {}: no {} for {}", view_.id.view(), m.type.view(), m.destination.view());
            return {};
        }
        String path = TRY(places_->real(m.destination));
        if (path == "/") return err::busy; // the root is mounted already
        TRY(m.flags & MS_BIND ? bind(m, path) : mount_new(m, path));
        auto top = TRY(places_->find(path));
        TRY(tree_->change_flags(top, static_cast<u32>(m.flags) & vfs::mount_flag_mask, 0, false));
        return tree_->change_flags(top, m.set_below, m.clear_below, true);
    }
    Result<> mount_new(const MountSpec& m, std::string_view path) {
        const vfs::FilesystemType* type = vfs::find_filesystem(m.type);
        if (!type || !type->mountable_in_container) return err::nodev;
        auto covered = places_->find(path);
        String options;
        // As runc: what covers a directory has its mode, unless the options say otherwise.
        if (m.type == "tmpfs" && covered) {
            char mode[16];
            BufferWriter out{mode};
            print(out, "mode={:o},", covered->inode().attributes().mode & 07777);
            TRY(options.append(out.text()));
        }
        TRY(options.append(m.options));
        TRY(places_->make_directories(path));
        auto where = TRY(places_->find(path));
        auto superblock = TRY(type->mount(request(m.source, options, m.flags)));
        TRY(tree_->mount(where, std::move(superblock), m.source.empty() ? m.type.view() : m.source.view(), 0));
        return m.copy_up ? copy_up(where, TRY(places_->find(path)), places_->walker().credentials) : Result<>{};
    }
    Result<> bind(const MountSpec& m, std::string_view path) {
        vfs::Walker in_bundle{host_.root_place(), bundle_, host_.credentials, 0};
        auto what = TRY(vfs::resolve(in_bundle, m.source, vfs::walk_follow));
        TRY(what.inode().is_directory() ? places_->make_directories(path) : places_->make_file(path));
        return tree_->graft(TRY(places_->find(path)), what, m.flags & MS_REC);
    }

    /// What the specification promises in every container's /dev, unless the image has it.
    Result<> make_default_devices() {
        static constexpr struct {
            std::string_view path;
            u32 major, minor;
        } defaults[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5}, {"/dev/full", 1, 7},   {"/dev/random", 1, 8},
                        {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},  {"/dev/console", 5, 1}};
        static constexpr struct {
            std::string_view path, target;
        } links[] = {{"/dev/fd", "/proc/self/fd"},
                     {"/dev/stdin", "/proc/self/fd/0"},
                     {"/dev/stdout", "/proc/self/fd/1"},
                     {"/dev/stderr", "/proc/self/fd/2"},
                     {"/dev/ptmx", "pts/ptmx"}};
        auto& inside = places_->walker();
        auto unless_exists = [](Result<> made) { return made || made.error() == Errno::exist ? Result<>{} : made; };
        TRY(places_->make_directories(TRY(places_->real("/dev"))));
        for (const auto& d : defaults)
            TRY(unless_exists(vfs::make_node(inside, d.path, S_IFCHR | 0666, device::number(d.major, d.minor))));
        for (const auto& l : links) TRY(unless_exists(vfs::make_symlink(inside, l.path, l.target)));
        return {};
    }
    /// A root without a list of servers of names (or with an empty file in its place, as exported images have it) gets
    /// the machine's. A root that has no place for one has none.
    Result<> make_resolver_file() {
        constexpr std::string_view path = "/etc/resolv.conf";
        auto& inside = places_->walker();
        auto there = vfs::resolve(inside, path, 0);
        auto attributes = there ? there->inode().attributes() : vfs::Attributes{};
        if (S_ISREG(attributes.mode) && attributes.size == 0) (void)vfs::unlink(inside, path);
        auto made = vfs::make_symlink(inside, path, "/proc/net/pnp");
        return made == err::nomem ? made : Result<>{};
    }
    /// err::exist: something else is there; err::inval: an ID has no mapping.
    Result<> make_device(const DeviceSpec& d) {
        Kuid uid = view_.users->kuid(d.uid);
        Kgid gid = view_.users->kgid(d.gid);
        if (uid == ids::no_user || gid == ids::no_group) return err::inval;
        String path = TRY(places_->real(d.path));
        if (auto there = places_->find(path)) {
            auto attributes = there->inode().attributes();
            if (!S_ISCHR(attributes.mode) || attributes.device != d.device) return err::exist;
        } else {
            TRY(places_->make_parents(path));
            TRY(vfs::make_node(places_->walker(), path, S_IFCHR | d.mode, d.device));
        }
        return vfs::change_owner(TRY(places_->find(path)), *places_->walker().credentials, uid, gid);
    }

    /// A null device of the kernel's own: the image's /dev/null may be anything.
    Result<vfs::Path> mask_for_files() {
        if (!masks_) {
            masks_ = TRY(vfs::MountTree::create(TRY(make_tmpfs("mode=755")), "tmpfs", MS_NOSUID | MS_NOEXEC));
            vfs::Walker inside{masks_->root(), masks_->root(), places_->walker().credentials, 0};
            TRY(vfs::make_node(inside, "/null", S_IFCHR | 0666, null_device));
        }
        return vfs::resolve({masks_->root(), masks_->root(), places_->walker().credentials, 0}, "/null", 0);
    }
    /// Files are empty, directories an empty tmpfs, both read-only; what does not exist needs no mask.
    Result<> mask(const String& path) {
        auto where = places_->find(path);
        if (!where) return {};
        if (where->inode().is_directory())
            TRY(tree_->mount(*where, TRY(make_tmpfs("")), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC));
        else
            TRY(tree_->graft(*where, TRY(mask_for_files()), false));
        return tree_->change_flags(TRY(places_->find(path)), MS_RDONLY, 0, false);
    }
    /// The mount alone, as `ro` does it: those below it stay as they are.
    Result<> protect(const String& path) {
        auto where = places_->find(path);
        if (!where) return {};
        TRY(tree_->bind(*where, *where, true));
        return tree_->change_flags(TRY(places_->find(path)), MS_RDONLY, 0, false);
    }

    const vfs::Walker& host_;
    const vfs::Path& bundle_;
    const Spec& spec_;
    View& view_;
    json::Complaint& why_;
    Ref<vfs::MountTree> tree_, masks_;
    std::optional<Places> places_; // of tree_
};
} // namespace

Result<Ref<const Credentials>> builder_credentials(const UserNamespace& users) {
    auto who = TRY(make_ref<Credentials>());
    who->uid = who->euid = who->suid = who->fsuid = users.root();
    who->gid = who->egid = who->sgid = who->fsgid = users.root_group();
    return Ref<const Credentials>{who};
}

Result<Ref<vfs::MountTree>> make_tree(const vfs::Walker& host, const vfs::Path& bundle, const Spec& spec, View& view,
                                      json::Complaint& why) {
    TreeBuilder builder{host, bundle, spec, view, why};
    auto tree = builder.build();
    if (!tree && why.text().empty()) why.say("the container's file tree: {}", errno_text(tree.error()));
    return tree;
}
} // namespace container
