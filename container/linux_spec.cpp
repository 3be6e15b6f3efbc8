// `linux` of a config.json: namespaces, devices, limits, protected paths.
#include "container/spec_parts.h"
#include "kernel/vfs/device.h"
#include "lib/numbers.h"
#include <algorithm>
#include <limits>
#include <linux/major.h>

namespace container {
using json::Field;

namespace {
/// The namespace at `path`, which a container can share with whoever has it.
Result<JoinSpec> parse_join(const Field& path, std::string_view type) {
    static constexpr struct {
        std::string_view type, file;
        JoinSpec::Kind kind;
    } kinds[] = {{"uts", "/ns/uts", JoinSpec::Kind::uts},
                 {"ipc", "/ns/ipc", JoinSpec::Kind::ipc},
                 {"network", "/ns/net", JoinSpec::Kind::network},
                 {"user", "/ns/user", JoinSpec::Kind::user},
                 {"time", "/ns/time", JoinSpec::Kind::time}};
    auto kind = std::ranges::find(kinds, type, [](auto& k) { return k.type; });
    if (kind == std::end(kinds)) return path.refuse("is not supported: a container has its own of this type");
    constexpr std::string_view proc = "/proc/";
    auto text = TRY(path.string());
    if (text.starts_with(proc) && text.ends_with(kind->file)) {
        auto number = text.substr(proc.size(), text.size() - std::min(text.size(), proc.size() + kind->file.size()));
        if (auto process = parse_number<u32>(number); process && *process > 0 && *process < pid_max)
            return JoinSpec{kind->kind, static_cast<Pid>(*process)};
    }
    return path.refuse("is not supported: it is not /proc/PID/ns/TYPE");
}

/// Of which types there are entries, and whether one has a path.
struct Listed {
    bool user = false, user_of_another = false;
    bool time = false, time_of_another = false;
};

Result<Listed> parse_namespaces(const Field& list, Spec& to) {
    static constexpr std::string_view known[] = {"pid", "network", "mount", "ipc", "uts", "cgroup", "user", "time"};
    unsigned seen = 0;
    Listed listed;
    TRY(list.for_each([&](const Field& entry) -> Result<> {
        Field type = entry["type"];
        auto name = TRY(type.string());
        auto at = std::ranges::find(known, name);
        if (at == std::end(known)) return type.refuse("is not a namespace");
        // A container has its own of each kind, unless it is told whose to share.
        bool of_another = entry["path"].present() && !TRY(entry["path"].string()).empty();
        if (of_another) TRY(to.joins.push(TRY(parse_join(entry["path"], name))));
        if (name == "user") listed.user = true, listed.user_of_another = of_another;
        if (name == "time") listed.time = true, listed.time_of_another = of_another;
        unsigned bit = 1u << (at - std::begin(known));
        if (seen & bit) return type.refuse("stands twice");
        seen |= bit;
        return {};
    }));
    return listed;
}

Result<> parse_time_offsets(const Field& offsets, Spec& to) {
    constexpr i64 second = static_cast<i64>(clocks::ns_per_second), most = std::numeric_limits<i64>::max() / second / 2;
    return offsets.for_each_member([&](const Field& clock) -> Result<> {
        bool monotonic = clock.name() == "monotonic";
        if (!monotonic && clock.name() != "boottime")
            return clock.refuse("is not an offset of a clock that can have one");
        i64 seconds = TRY(clock["secs"].integer_or(0, -most, most));
        i64 ns = TRY(clock["nanosecs"].integer_or(0, 0, second - 1));
        (monotonic ? to.time_offsets.monotonic : to.time_offsets.boottime) = seconds * second + ns;
        return {};
    });
}

Result<IdMap> parse_map(const Field& list) {
    constexpr i64 most = ids::none;
    Vector<IdMap::Extent> extents;
    TRY(list.for_each([&](const Field& entry) -> Result<> {
        if (extents.size() == IdMap::most_extents) return list.refuse("has more than 340 elements");
        auto inside = TRY(entry["containerID"].integer(0, most - 1));
        auto outside = TRY(entry["hostID"].integer(0, most - 1));
        auto count = TRY(entry["size"].integer(1, most));
        return extents.push({static_cast<u32>(inside), static_cast<u32>(outside), static_cast<u32>(count)});
    }));
    auto map = IdMap::create(std::move(extents));
    if (!map && map.error() == Errno::inval)
        return list.refuse("has elements that overlap, or goes beyond the last ID");
    if (map && map->to_kernel(0) == ids::none) return list.refuse("does not map 0, who owns what a container gets");
    return map;
}
/// A user namespace of the container's own has both maps; without one its IDs are the machine's.
Result<> parse_maps(const Field& linux_part, const Listed& listed, Spec& to) {
    Field uids = linux_part["uidMappings"], gids = linux_part["gidMappings"], namespaces = linux_part["namespaces"];
    bool given = !uids.empty() || !gids.empty();
    if (given && !listed.user) return namespaces.refuse("has none of type \"user\", which linux.uidMappings is for");
    if (given && listed.user_of_another)
        return uids.refuse("is not supported: the IDs are those of another's namespace");
    if (!given && listed.user && !listed.user_of_another)
        return uids.refuse("is missing: a user namespace without a path has maps");
    if (!given) return {};
    to.uid_map = TRY(parse_map(uids));
    to.gid_map = TRY(parse_map(gids));
    return {};
}

/// A major or minor number of a rule: -1 or nothing stands for all.
Result<i64> device_part(const Field& field) { return field.integer_or(-1, -1, 0xffff'ffff); }

/// Whether a rule for character devices names devices that a container may open, and whether it names others.
struct Reach {
    bool defaults, others;
};
Reach reach_of(std::string_view type, i64 major, i64 minor) {
    if (type == "b") return {false, true};
    bool ptys = major >= UNIX98_PTY_SLAVE_MAJOR && major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT;
    if (major == -1) return {true, true};
    if (minor == -1 && !ptys) return {major == MEM_MAJOR || major == TTYAUX_MAJOR, true};
    bool allowed = device::allowed_in_container(
        device::number(static_cast<u32>(major), minor == -1 ? 0u : static_cast<u32>(minor)));
    return {allowed, !allowed};
}

/// What Rundlet enforces: a container opens the default devices of the specification, and no others. So a rule may deny
/// all devices at once, or others than those; it may allow those, and the making of nodes for others.
Result<> check_device_rule(const Field& rule) {
    Field type = rule["type"], access = rule["access"];
    auto kind = TRY(type.string_or("a"));
    if (kind != "a" && kind != "b" && kind != "c") return type.refuse("is not a, b or c");
    auto accesses = TRY(access.string_or("rwm"));
    if (accesses.empty() || accesses.find_first_not_of("rwm") != accesses.npos)
        return access.refuse("is not made of r, w and m");
    i64 major = TRY(device_part(rule["major"])), minor = TRY(device_part(rule["minor"]));
    bool all = kind == "a"; // as the device cgroup has it, whatever the numbers
    Reach reach = all ? Reach{true, true} : reach_of(kind, major, minor);
    if (!TRY(rule["allow"].boolean_or(false))) {
        if (all || !reach.defaults) return {};
        return rule.refuse("is not supported: the default devices can only be denied with all others, and stay");
    }
    if (!reach.others || accesses == "m") return {};
    return rule.refuse("is not supported: only the default devices can be used");
}

Result<> parse_memory(const Field& memory, Spec& to) {
    // What the memory cgroup calls no limit: the largest multiple of a page in an i64.
    constexpr i64 most = std::numeric_limits<i64>::max(), none = most & ~0xfff;
    i64 limit = TRY(memory["limit"].integer_or(0, -1, most));
    if (limit > 0 && limit < none) {
        if (limit < static_cast<i64>(1 * MiB))
            return memory["limit"].refuse("is less than 1 MiB: no process could run");
        to.memory_limit = static_cast<u64>(limit);
    }
    // There is no swap: any limit of memory and swap together that is not below the memory limit is kept.
    Field swap = memory["swap"];
    i64 both = TRY(swap.integer_or(0, -1, most));
    if (both > 0 && both < none && static_cast<u64>(both) < to.memory_limit)
        return swap.refuse("is not supported: it is below memory.limit");
    return {};
}

Result<> parse_resources(const Field& resources, Spec& to) {
    TRY(resources["devices"].for_each(check_device_rule));
    TRY(parse_memory(resources["memory"], to));
    constexpr i64 least = std::numeric_limits<i64>::min(), most = 4'194'304; // PIDS_MAX; 0 and below: no limit
    if (i64 limit = TRY(resources["pids"]["limit"].integer_or(0, least, most)); limit > 0)
        to.pids_limit = static_cast<u32>(limit);
    return {};
}

Result<> parse_devices(const Field& list, Spec& to) {
    return list.for_each([&](const Field& entry) -> Result<> {
        if (to.devices.size() == 256) return list.refuse("has more than 256 elements");
        DeviceSpec device;
        device.path = TRY(absolute_path(entry["path"]));
        auto type = TRY(entry["type"].string());
        if (type != "c" && type != "u") return entry["type"].refuse("is not supported: only character devices are");
        device.device = device::number(static_cast<u32>(TRY(entry["major"].integer(0, 511))),
                                       static_cast<u32>(TRY(entry["minor"].integer(0, 0xfffff))));
        if (!device::allowed_in_container(device.device))
            return entry.refuse("is not supported: only the default devices can be used");
        device.mode = static_cast<u32>(TRY(entry["fileMode"].integer_or(0666, 0, 07777)));
        device.uid = static_cast<u32>(TRY(entry["uid"].integer_or(0, 0, 0xffff'fffe)));
        device.gid = static_cast<u32>(TRY(entry["gid"].integer_or(0, 0, 0xffff'fffe)));
        return to.devices.push(std::move(device));
    });
}

Result<> parse_paths(const Field& paths, Vector<String>& to) {
    return paths.for_each([&](const Field& element) -> Result<> {
        if (to.size() == 512) return element.refuse("is beyond the limit of 512 paths");
        return to.push(TRY(path_in_container(element)));
    });
}

/// A container's mounts never propagate: all but the sharing kinds ask for that or allow it.
Result<> check_propagation(const Field& field) {
    static constexpr std::string_view kept[] = {"",       "private",    "rprivate",   "slave",
                                                "rslave", "unbindable", "runbindable"};
    auto how = TRY(field.string_or(""));
    if (how == "shared" || how == "rshared")
        return field.refuse("is not supported: a container's mounts do not propagate");
    return std::ranges::find(kept, how) == std::end(kept) ? field.refuse("is not a propagation") : Result<>{};
}
} // namespace

Result<> parse_linux(const Field& linux_part, Spec& to) {
    Field namespaces = linux_part["namespaces"], offsets = linux_part["timeOffsets"];
    Listed listed = TRY(parse_namespaces(namespaces, to));
    if (offsets.present() && !offsets.empty()) {
        if (!listed.time) return namespaces.refuse("has none of type \"time\", whose clocks linux.timeOffsets sets");
        if (listed.time_of_another)
            return offsets.refuse("is not supported: the clocks are those of another's namespace");
        TRY(parse_time_offsets(offsets, to));
    }
    TRY(parse_maps(linux_part, listed, to));
    TRY(parse_resources(linux_part["resources"], to));
    TRY(parse_devices(linux_part["devices"], to));
    TRY(parse_paths(linux_part["maskedPaths"], to.masked_paths));
    TRY(parse_paths(linux_part["readonlyPaths"], to.readonly_paths));
    return check_propagation(linux_part["rootfsPropagation"]);
}
} // namespace container
