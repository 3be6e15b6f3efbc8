#include "container/tree.h"
#include "core/log/log.h"
#include "kernel/device/device.h"
#include "lib/errno.h"
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

namespace container {
namespace {
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
        TRY(make_devices());
        TRY(make_directories(spec_.process.cwd)); // as runc does
        TRY(mask_paths());
        TRY(protect_paths());
        if (spec_.root_readonly) TRY(tree_->remount(tree_->root(), MS_RDONLY, "", true));
        return std::move(tree_);
    }

private:
    /// The snapshot of the bundle's root, as "/".
    Result<> start() {
        vfs::Walker in_bundle{host_.root_place(), bundle_, host_.who, 0};
        auto root =
            vfs::resolve(in_bundle, spec_.root_path, vfs::walk_beneath | vfs::walk_directory | vfs::walk_follow);
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
        inside_ = {tree_->root(), tree_->root(), TRY(builder_credentials()), 0};
        return {};
    }

    /// The directory at `path`, made with all its parents where missing.
    Result<> make_directories(std::string_view path) {
        for (usize end = 1; end <= path.size(); end++) {
            if (end < path.size() && path[end] != '/') continue;
            auto made = vfs::make_directory(inside_, path.substr(0, end), 0755);
            if (!made && made.error() != Errno::exist && made.error() != Errno::rofs) return made;
        }
        return {};
    }
    Result<> make_empty_file(std::string_view path) {
        if (vfs::resolve(inside_, path, vfs::walk_follow)) return {};
        TRY(make_directories(path.substr(0, path.rfind('/'))));
        return vfs::make_node(inside_, path, S_IFREG | 0644, 0);
    }
    Result<vfs::Path> mount_point(std::string_view path) { return vfs::resolve(inside_, path, vfs::walk_follow); }

    Result<> mount(const MountSpec& m) {
        constexpr unsigned long per_mount = ~static_cast<unsigned long>(MS_BIND | MS_REC | MS_SILENT);
        if (m.flags & MS_BIND) return bind(m);
        const vfs::FilesystemType* type = vfs::find_filesystem(m.type);
        if (!type && m.optional) {
            log(LogLevel::info, "container {}: no {} for {}", view_.id.view(), m.type.view(), m.destination.view());
            return {};
        }
        if (!type || !type->mountable_in_container) return err::nodev;
        TRY(make_directories(m.destination));
        auto where = TRY(mount_point(m.destination));
        auto superblock = TRY(type->mount({m.source, m.options, m.flags, view_}));
        return tree_->mount(where, std::move(superblock), m.source.empty() ? m.type.view() : m.source.view(),
                            static_cast<u32>(m.flags & per_mount));
    }
    Result<> bind(const MountSpec& m) {
        vfs::Walker in_bundle{host_.root_place(), bundle_, host_.who, 0};
        auto what = TRY(vfs::resolve(in_bundle, m.source, vfs::walk_follow));
        TRY(what.inode().is_directory() ? make_directories(m.destination) : make_empty_file(m.destination));
        auto where = TRY(mount_point(m.destination));
        TRY(tree_->graft(where, what, m.flags & MS_REC));
        u32 flags = static_cast<u32>(m.flags) & vfs::mount_flag_mask;
        return tree_->change_flags(TRY(mount_point(m.destination)), flags, 0, false);
    }

    /// What the specification promises in every container's /dev, unless the image has it, and `linux.devices`.
    Result<> make_devices() {
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
        TRY(make_directories("/dev"));
        for (const auto& d : defaults)
            TRY(unless_exists(vfs::make_node(inside_, d.path, S_IFCHR | 0666, device::number(d.major, d.minor))));
        for (const auto& l : links) TRY(unless_exists(vfs::make_symlink(inside_, l.path, l.target)));
        for (const DeviceSpec& d : spec_.devices) {
            TRY(make_directories(d.path.view().substr(0, d.path.view().rfind('/'))));
            TRY(unless_exists(vfs::make_node(inside_, d.path, S_IFCHR | d.mode, d.device)));
            TRY(vfs::change_owner(TRY(mount_point(d.path)), *inside_.who, d.uid, d.gid));
        }
        return {};
    }
    static Result<> unless_exists(Result<> made) { return made || made.error() == Errno::exist ? Result<>{} : made; }

    /// Hides files behind /dev/null and directories behind an empty read-only tmpfs; what does not exist needs no mask.
    Result<> mask_paths() {
        for (const String& path : spec_.masked_paths) {
            auto where = mount_point(path);
            if (!where) continue;
            if (!where->inode().is_directory()) {
                TRY(tree_->bind(*where, TRY(mount_point("/dev/null")), false));
                TRY(tree_->change_flags(TRY(mount_point(path)), MS_RDONLY, 0, false));
                continue;
            }
            const vfs::FilesystemType* tmpfs = vfs::find_filesystem("tmpfs");
            if (!tmpfs) return err::nodev;
            constexpr u32 flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
            TRY(tree_->mount(*where, TRY(tmpfs->mount({"tmpfs", "size=0k", flags, view_})), "tmpfs", flags));
        }
        return {};
    }
    Result<> protect_paths() {
        for (const String& path : spec_.readonly_paths) {
            auto where = mount_point(path);
            if (!where) continue;
            TRY(tree_->bind(*where, *where, true));
            TRY(tree_->change_flags(TRY(mount_point(path)), MS_RDONLY, 0, false));
        }
        return {};
    }

    const vfs::Walker& host_;
    const vfs::Path& bundle_;
    const Spec& spec_;
    View& view_;
    json::Complaint& why_;
    Ref<vfs::MountTree> tree_;
    vfs::Walker inside_;
};
} // namespace

Result<Ref<const Credentials>> builder_credentials() { return Ref<const Credentials>{TRY(make_ref<Credentials>())}; }

Result<Ref<vfs::MountTree>> make_tree(const vfs::Walker& host, const vfs::Path& bundle, const Spec& spec, View& view,
                                      json::Complaint& why) {
    TreeBuilder builder{host, bundle, spec, view, why};
    auto tree = builder.build();
    if (!tree && why.text().empty()) why.say("the container's file tree: {}", errno_text(tree.error()));
    return tree;
}
} // namespace container
