// `mounts` of a config.json.
#include "container/spec_parts.h"
#include "lib/split.h"
#include <algorithm>
#include <linux/mount.h>

namespace container {
using json::Field;

namespace {
struct MountOption {
    std::string_view name;
    unsigned long set, clear;
    u32 set_below = 0, clear_below = 0; // on the mount and all below it
};
constexpr MountOption mount_options[] = {
    {"defaults", 0, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME},
    {"atime", 0, MS_NOATIME},
    {"relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME},
    {"norelatime", 0, MS_RELATIME},
    {"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"silent", MS_SILENT, 0},
    {"loud", 0, MS_SILENT},
    {"bind", MS_BIND, 0},
    {"rbind", MS_BIND | MS_REC, 0},
    {"rro", 0, 0, MS_RDONLY, 0},
    {"rrw", 0, 0, 0, MS_RDONLY},
    {"rnosuid", 0, 0, MS_NOSUID, 0},
    {"rsuid", 0, 0, 0, MS_NOSUID},
    {"rnodev", 0, 0, MS_NODEV, 0},
    {"rdev", 0, 0, 0, MS_NODEV},
    {"rnoexec", 0, 0, MS_NOEXEC, 0},
    {"rexec", 0, 0, 0, MS_NOEXEC},
    {"rnoatime", 0, 0, MS_NOATIME, MS_RELATIME | MS_STRICTATIME},
    {"ratime", 0, 0, 0, MS_NOATIME},
    {"rrelatime", 0, 0, MS_RELATIME, MS_NOATIME | MS_STRICTATIME},
    {"rnorelatime", 0, 0, 0, MS_RELATIME},
    {"rstrictatime", 0, 0, MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
    {"rnostrictatime", 0, 0, 0, MS_STRICTATIME},
    {"rnodiratime", 0, 0, MS_NODIRATIME, 0},
    {"rdiratime", 0, 0, 0, MS_NODIRATIME},
    {"rnosymfollow", 0, 0, MS_NOSYMFOLLOW, 0},
    {"rsymfollow", 0, 0, 0, MS_NOSYMFOLLOW},
    {"nosymfollow", MS_NOSYMFOLLOW, 0},
    {"symfollow", 0, MS_NOSYMFOLLOW},
    // There is no disk that times or versions would be written to late, and no mandatory lock.
    {"lazytime", 0, 0},
    {"nolazytime", 0, 0},
    {"iversion", 0, 0},
    {"noiversion", 0, 0},
    {"mand", 0, 0},
    {"nomand", 0, 0},
    // A container's mounts are its own: nothing propagates, neither in nor out.
    {"private", 0, 0},
    {"rprivate", 0, 0},
    {"shared", 0, 0},
    {"rshared", 0, 0},
    {"slave", 0, 0},
    {"rslave", 0, 0},
    {"unbindable", 0, 0},
    {"runbindable", 0, 0},
};

Result<> add_option(const Field& element, std::string_view option, MountSpec& to) {
    auto known = std::ranges::find(mount_options, option, &MountOption::name);
    if (known != std::end(mount_options)) {
        to.flags = (to.flags & ~known->clear) | known->set;
        to.set_below = (to.set_below & ~known->clear_below) | known->set_below;
        to.clear_below = (to.clear_below & ~known->set_below) | known->clear_below;
        return {};
    }
    if (option == "tmpcopyup" && to.type == "tmpfs") return to.copy_up = true, Result<>{};
    if (option.empty() || option == "idmap" || option == "ridmap" || option == "tmpcopyup" ||
        option.starts_with("context="))
        return element.refuse("is not supported");
    if (to.options.size() > 3000) return element.refuse("is one option too many");
    if (!to.options.empty()) TRY(to.options.append(","));
    return to.options.append(option);
}

/// Each string is an option, or several with commas between them.
Result<> parse_mount_options(const Field& list, MountSpec& to) {
    return list.for_each([&](const Field& element) -> Result<> {
        return split(TRY(element.string()), ',',
                     [&](std::string_view option) { return add_option(element, option, to); });
    });
}
} // namespace

Result<> parse_mounts(const Field& list, Spec& to) {
    return list.for_each([&](const Field& entry) -> Result<> {
        if (to.mounts.size() == 512) return list.refuse("has more than 512 elements");
        MountSpec mount;
        mount.destination = TRY(path_in_container(entry["destination"]));
        mount.type = TRY(String::create(TRY(entry["type"].string_or("none"))));
        mount.source = TRY(String::create(TRY(entry["source"].string_or(""))));
        TRY(parse_mount_options(entry["options"], mount));
        if (mount.type == "bind") mount.flags |= MS_BIND;
        if (mount.flags & MS_BIND) {
            if (mount.source.empty()) return entry["source"].refuse("is missing: a bind mount needs one");
            if (!mount.options.empty()) return entry["options"].refuse("has an option that a bind mount does not know");
            if (mount.copy_up) return entry["options"].refuse("has tmpcopyup, which is for a tmpfs");
        }
        mount.optional =
            mount.type == "sysfs" || mount.type == "mqueue" || mount.type == "cgroup" || mount.type == "cgroup2";
        return to.mounts.push(std::move(mount));
    });
}
} // namespace container
