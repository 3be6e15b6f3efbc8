#include "container/spec.h"
#include "kernel/device/device.h"
#include <algorithm>
#include <charconv>
#include <linux/capability.h>
#include <linux/mount.h>

namespace container {
using json::Field;

namespace {
constexpr usize max_string = 128 * KiB, max_arguments = 4096; // MAX_ARG_STRLEN's size

Result<String> text_of(const Field& field) {
    auto text = TRY(field.string());
    if (text.size() >= max_string) return field.refuse("is longer than 128 KiB");
    return String::create(text);
}
Result<String> absolute_path(const Field& field) {
    auto path = TRY(text_of(field));
    if (!path.view().starts_with('/')) return field.refuse("is not an absolute path");
    if (path.size() >= 4096) return field.refuse("is longer than 4,095 bytes");
    return path;
}
Result<> add_strings(const Field& list, Vector<String>& to, usize most = max_arguments) {
    return list.for_each([&](const Field& element) -> Result<> {
        if (to.size() == most) return list.refuse("has too many elements");
        return to.push(TRY(text_of(element)));
    });
}
/// A request for protection that Rundlet does not enforce.
Result<> refuse_if_present(const Field& field) {
    if (!field.present() ||
        ((field.kind() == json::Kind::object || field.kind() == json::Kind::array) && field.empty()))
        return {};
    if (field.kind() == json::Kind::string && TRY(field.string()).empty()) return {};
    return field.refuse("is not supported: Rundlet would not enforce it");
}
Result<> refuse_members(const Field& object, std::initializer_list<std::string_view> names) {
    for (auto name : names) TRY(refuse_if_present(object[name]));
    return {};
}

// process

constexpr std::string_view capability_names[] = {"CAP_CHOWN",
                                                 "CAP_DAC_OVERRIDE",
                                                 "CAP_DAC_READ_SEARCH",
                                                 "CAP_FOWNER",
                                                 "CAP_FSETID",
                                                 "CAP_KILL",
                                                 "CAP_SETGID",
                                                 "CAP_SETUID",
                                                 "CAP_SETPCAP",
                                                 "CAP_LINUX_IMMUTABLE",
                                                 "CAP_NET_BIND_SERVICE",
                                                 "CAP_NET_BROADCAST",
                                                 "CAP_NET_ADMIN",
                                                 "CAP_NET_RAW",
                                                 "CAP_IPC_LOCK",
                                                 "CAP_IPC_OWNER",
                                                 "CAP_SYS_MODULE",
                                                 "CAP_SYS_RAWIO",
                                                 "CAP_SYS_CHROOT",
                                                 "CAP_SYS_PTRACE",
                                                 "CAP_SYS_PACCT",
                                                 "CAP_SYS_ADMIN",
                                                 "CAP_SYS_BOOT",
                                                 "CAP_SYS_NICE",
                                                 "CAP_SYS_RESOURCE",
                                                 "CAP_SYS_TIME",
                                                 "CAP_SYS_TTY_CONFIG",
                                                 "CAP_MKNOD",
                                                 "CAP_LEASE",
                                                 "CAP_AUDIT_WRITE",
                                                 "CAP_AUDIT_CONTROL",
                                                 "CAP_SETFCAP",
                                                 "CAP_MAC_OVERRIDE",
                                                 "CAP_MAC_ADMIN",
                                                 "CAP_SYSLOG",
                                                 "CAP_WAKE_ALARM",
                                                 "CAP_BLOCK_SUSPEND",
                                                 "CAP_AUDIT_READ",
                                                 "CAP_PERFMON",
                                                 "CAP_BPF",
                                                 "CAP_CHECKPOINT_RESTORE"};
static_assert(std::size(capability_names) == CAP_LAST_CAP + 1 && capability_names[CAP_MKNOD] == "CAP_MKNOD");

Result<CapabilitySet> capability_set(const Field& list) {
    CapabilitySet set = 0;
    TRY(list.for_each([&](const Field& element) -> Result<> {
        auto name = TRY(element.string());
        auto at = std::ranges::find(capability_names, name);
        if (at == std::end(capability_names)) return element.refuse("is not a capability");
        set |= CapabilitySet{1} << (at - std::begin(capability_names));
        return {};
    }));
    return set;
}

Result<> parse_capabilities(const Field& sets, ProcessSpec& to) {
    TRY(sets.check_object());
    to.bounding = TRY(capability_set(sets["bounding"]));
    to.permitted = TRY(capability_set(sets["permitted"]));
    to.effective = TRY(capability_set(sets["effective"]));
    to.inheritable = TRY(capability_set(sets["inheritable"]));
    to.ambient = TRY(capability_set(sets["ambient"]));
    // capabilities(7): the kernel keeps these relations.
    if (to.effective & ~to.permitted) return sets["effective"].refuse("has capabilities that `permitted` lacks");
    // As runc, whose own template asks for more: what is not permitted and inheritable as well is not raised.
    to.ambient &= to.permitted & to.inheritable;
    return {};
}

Result<> parse_rlimits(const Field& list, ProcessSpec& to) {
    static constexpr struct {
        std::string_view name;
        unsigned resource;
    } names[] = {{"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                 {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
                 {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
                 {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                 {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
                 {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                 {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
                 {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};
    return list.for_each([&](const Field& entry) -> Result<> {
        Field type = entry["type"];
        auto name = TRY(type.string());
        auto known = std::ranges::find(names, name, [](const auto& n) { return n.name; });
        if (known == std::end(names)) return type.refuse("is not a resource limit");
        for (const auto& other : to.rlimits)
            if (other.resource == known->resource) return type.refuse("stands twice");
        constexpr i64 most = 999'999'999'999'999'999;
        auto soft = static_cast<u64>(TRY(entry["soft"].integer(-1, most)));
        auto hard = static_cast<u64>(TRY(entry["hard"].integer(-1, most)));
        if (soft > hard) return entry["soft"].refuse("is above the hard limit");
        return to.rlimits.push({known->resource, {soft, hard}}); // -1 is RLIM64_INFINITY
    });
}

Result<> parse_user(const Field& user, ProcessSpec& to) {
    constexpr i64 most = 0xffff'fffe;
    TRY(user.check_object());
    to.groups.clear();
    to.uid = static_cast<u32>(TRY(user["uid"].integer_or(0, 0, most)));
    to.gid = static_cast<u32>(TRY(user["gid"].integer_or(0, 0, most)));
    to.umask = static_cast<u32>(TRY(user["umask"].integer_or(022, 0, 0777)));
    return user["additionalGids"].for_each([&](const Field& gid) -> Result<> {
        if (to.groups.size() == 65536) return gid.refuse("is beyond the limit of 65,536 groups");
        return to.groups.push(static_cast<u32>(TRY(gid.integer(0, most))));
    });
}
/// Members that `process` does not have.
Result<> inherit(const Field& process, const ProcessSpec& from, ProcessSpec& to) {
    to.cwd = TRY(from.cwd.clone());
    if (!process["env"].present())
        for (const String& e : from.env) TRY(to.env.push(TRY(e.clone())));
    to.uid = from.uid;
    to.gid = from.gid;
    to.umask = from.umask;
    for (u32 g : from.groups) TRY(to.groups.push(g));
    to.effective = from.effective;
    to.permitted = from.permitted;
    to.inheritable = from.inheritable;
    to.bounding = from.bounding;
    to.ambient = from.ambient;
    if (!process["rlimits"].present())
        for (const auto& r : from.rlimits) TRY(to.rlimits.push(r));
    return {};
}
} // namespace

Result<ProcessSpec> parse_process(const Field& process, const ProcessSpec* otherwise) {
    ProcessSpec to;
    TRY(process.check_object());
    to.terminal = TRY(process["terminal"].boolean_or(false));
    Field size = process["consoleSize"];
    TRY(size.check_object());
    to.rows = static_cast<u16>(TRY(size["height"].integer_or(0, 0, 65535)));
    to.columns = static_cast<u16>(TRY(size["width"].integer_or(0, 0, 65535)));
    Field args = process["args"];
    TRY(add_strings(args, to.args));
    if (to.args.empty()) return args.refuse("is missing: it must name a program");
    if (otherwise) TRY(inherit(process, *otherwise, to));
    if (!otherwise || process["cwd"].present()) to.cwd = TRY(absolute_path(process["cwd"]));
    TRY(add_strings(process["env"], to.env));
    if (process["user"].present()) TRY(parse_user(process["user"], to));
    if (process["capabilities"].present()) TRY(parse_capabilities(process["capabilities"], to));
    TRY(parse_rlimits(process["rlimits"], to));
    to.no_new_privileges = TRY(process["noNewPrivileges"].boolean_or(otherwise && otherwise->no_new_privileges));
    TRY(refuse_members(process, {"apparmorProfile", "selinuxLabel", "scheduler", "ioPriority", "execCPUAffinity"}));
    return to;
}

namespace {
/// Versions are "1.minor.patch", perhaps with a suffix; minor versions only add fields.
Result<String> parse_version(const Field& field) {
    auto version = TRY(field.string());
    unsigned numbers[3];
    const char* at = version.data();
    const char* end = at + version.size();
    for (int i = 0; i < 3; i++) {
        auto [after, problem] = std::from_chars(at, end, numbers[i]);
        if (problem != std::errc{} || (i < 2 && (after == end || *after != '.')))
            return field.refuse("is not a version like \"1.2.0\"");
        at = after + (i < 2);
    }
    if (at != end && *at != '-' && *at != '+') return field.refuse("is not a version like \"1.2.0\"");
    if (numbers[0] != 1) return field.refuse("is not supported: Rundlet reads version 1");
    return String::create(version);
}

/// Lexically inside the bundle; that no symbolic link leads out of it is checked when it is opened.
Result<> parse_root(const Field& root, Spec& to) {
    if (!root.present()) return root.refuse("is missing: the container has no file tree");
    TRY(root.check_object());
    Field path = root["path"];
    to.root_path = TRY(text_of(path));
    std::string_view rest = to.root_path;
    if (rest.empty()) return path.refuse("is empty");
    if (rest.starts_with('/')) return path.refuse("is absolute: it must lie in the bundle");
    while (!rest.empty()) {
        auto slash = std::min(rest.find('/'), rest.size());
        if (rest.substr(0, slash) == "..") return path.refuse("leaves the bundle");
        rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    to.root_readonly = TRY(root["readonly"].boolean_or(false));
    return {};
}

// mounts

struct MountOption {
    std::string_view name;
    unsigned long set, clear;
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
    // A container's mounts are its own: nothing propagates, which is what these ask for or allow.
    {"private", 0, 0},
    {"rprivate", 0, 0},
    {"slave", 0, 0},
    {"rslave", 0, 0},
    {"unbindable", 0, 0},
    {"runbindable", 0, 0},
};

Result<> parse_mount_options(const Field& list, MountSpec& to) {
    return list.for_each([&](const Field& element) -> Result<> {
        auto option = TRY(element.string());
        auto known = std::ranges::find(mount_options, option, &MountOption::name);
        if (known != std::end(mount_options)) {
            to.flags = (to.flags & ~known->clear) | known->set;
            return {};
        }
        if (option == "shared" || option == "rshared" || option == "idmap" || option == "ridmap" ||
            option == "tmpcopyup" || option.starts_with("context="))
            return element.refuse("is not supported");
        if (option.contains(',') || to.options.size() > 3000) return element.refuse("is not a mount option");
        if (!to.options.empty()) TRY(to.options.append(","));
        return to.options.append(option);
    });
}

Result<> parse_mounts(const Field& list, Spec& to) {
    return list.for_each([&](const Field& entry) -> Result<> {
        if (to.mounts.size() == 512) return list.refuse("has more than 512 elements");
        MountSpec mount;
        mount.destination = TRY(absolute_path(entry["destination"]));
        Field type = entry["type"];
        mount.type = TRY(String::create(TRY(type.string_or("none"))));
        mount.source = TRY(String::create(TRY(entry["source"].string_or(""))));
        TRY(parse_mount_options(entry["options"], mount));
        TRY(refuse_members(entry, {"uidMappings", "gidMappings"}));
        if (mount.type == "bind") mount.flags |= MS_BIND;
        if (mount.flags & MS_BIND) {
            if (mount.source.empty()) return entry["source"].refuse("is missing: a bind mount needs one");
            if (!mount.options.empty()) return entry["options"].refuse("has an option that a bind mount does not know");
        }
        mount.optional =
            mount.type == "sysfs" || mount.type == "mqueue" || mount.type == "cgroup" || mount.type == "cgroup2";
        return to.mounts.push(std::move(mount));
    });
}

// linux

Result<> parse_namespaces(const Field& list) {
    static constexpr std::string_view known[] = {"pid", "network", "mount", "ipc", "uts", "cgroup", "user", "time"};
    return list.for_each([&](const Field& entry) -> Result<> {
        Field type = entry["type"];
        auto name = TRY(type.string());
        if (std::ranges::find(known, name) == std::end(known)) return type.refuse("is not a namespace");
        // A container always has its own of each kind; joining another's would weaken that.
        if (name == "user" || name == "time") return type.refuse("is not supported");
        if (entry["path"].present() && !TRY(entry["path"].string()).empty())
            return entry["path"].refuse("is not supported: a container cannot join another's namespace");
        return {};
    });
}

Result<> parse_device_rules(const Field& rules) {
    // The rule that Rundlet enforces: nothing but the default devices of the specification (and linux.devices, which
    // only take those). Rules that allow more are refused.
    return rules.for_each([&](const Field& rule) -> Result<> {
        TRY(rule.check_object());
        if (!TRY(rule["allow"].boolean_or(false))) {
            TRY(rule["access"].string_or("rwm"));
            bool everything = !rule["type"].present() || TRY(rule["type"].string()) == "a";
            if (everything && !rule["major"].present() && !rule["minor"].present()) return {};
            return rule.refuse("is not supported: only the rule that denies all devices is enforced");
        }
        u64 device = device::number(static_cast<u32>(TRY(rule["major"].integer(0, 511))),
                                    static_cast<u32>(TRY(rule["minor"].integer_or(0, 0, 0xfffff))));
        bool is_default =
            TRY(rule["type"].string_or("a")) == "c" &&
            (device::allowed_in_container(device) || (!rule["minor"].present() && device::major(device) == 136)); // pts
        return is_default ? Result<>{} : rule.refuse("is not supported: only the default devices can be used");
    });
}

Result<> parse_resources(const Field& resources, Spec& to) {
    TRY(resources.check_object());
    TRY(parse_device_rules(resources["devices"]));
    Field memory = resources["memory"];
    TRY(memory.check_object());
    constexpr i64 most = 999'999'999'999'999'999;
    if (i64 limit = TRY(memory["limit"].integer_or(-1, -1, most)); limit >= 0) {
        if (limit < static_cast<i64>(1 * MiB))
            return memory["limit"].refuse("is less than 1 MiB: no process could run");
        to.memory_limit = static_cast<u64>(limit);
    }
    // There is no swap: any limit of memory and swap together that is not below the memory limit is kept.
    Field swap = memory["swap"];
    if (i64 both = TRY(swap.integer_or(-1, -1, most)); both >= 0 && static_cast<u64>(both) < to.memory_limit)
        return swap.refuse("is not supported: it is below memory.limit");
    TRY(refuse_members(memory, {"kernel", "kernelTCP", "reservation", "disableOOMKiller"}));
    Field pids = resources["pids"];
    TRY(pids.check_object());
    if (i64 limit = TRY(pids["limit"].integer_or(-1, -1, 4'194'304)); limit > 0)
        to.pids_limit = static_cast<u32>(limit);
    return refuse_members(resources, {"cpu", "blockIO", "hugepageLimits", "network", "rdma", "unified"});
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

Result<> parse_linux(const Field& linux_part, Spec& to) {
    TRY(linux_part.check_object());
    TRY(parse_namespaces(linux_part["namespaces"]));
    TRY(parse_resources(linux_part["resources"], to));
    TRY(parse_devices(linux_part["devices"], to));
    for (const auto& [name, list] : {std::pair{std::string_view{"maskedPaths"}, &to.masked_paths},
                                     std::pair{std::string_view{"readonlyPaths"}, &to.readonly_paths}})
        TRY(linux_part[name].for_each([&](const Field& element) -> Result<> {
            if (list->size() == 512) return element.refuse("is beyond the limit of 512 paths");
            return list->push(TRY(absolute_path(element)));
        }));
    Field propagation = linux_part["rootfsPropagation"];
    if (auto how = TRY(propagation.string_or("")); how == "shared" || how == "rshared")
        return propagation.refuse("is not supported: a container's mounts do not propagate");
    return refuse_members(linux_part, {"seccomp", "sysctl", "uidMappings", "gidMappings", "mountLabel", "intelRdt",
                                       "personality", "timeOffsets", "netDevices", "memoryPolicy"});
}

Result<> parse_annotations(const Field& object, Spec& to) {
    return object.for_each_member([&](const Field& member) -> Result<> {
        auto value = TRY(text_of(member));
        return to.annotations.push({TRY(String::create(member.name())), std::move(value)});
    });
}

Result<String> host_name(const Field& field) {
    auto name = TRY(field.string_or(""));
    if (name.size() > 64) return field.refuse("is longer than 64 bytes");
    return String::create(name);
}
} // namespace

Result<Spec> parse_spec(Vector<char> text, json::Complaint& why) {
    auto document = TRY(json::Document::parse(std::move(text), why));
    Field config{document, why};
    if (config.kind() != json::Kind::object) return config.refuse("is not an object");
    Spec to;
    to.oci_version = TRY(parse_version(config["ociVersion"]));
    TRY(parse_root(config["root"], to));
    to.hostname = TRY(host_name(config["hostname"]));
    to.domainname = TRY(host_name(config["domainname"]));
    if (!config["process"].present()) return config["process"].refuse("is missing: the container has nothing to run");
    to.process = TRY(parse_process(config["process"], nullptr));
    TRY(parse_mounts(config["mounts"], to));
    TRY(parse_linux(config["linux"], to));
    TRY(parse_annotations(config["annotations"], to));
    Field hooks = config["hooks"];
    TRY(hooks.check_object());
    TRY(refuse_members(hooks,
                       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}));
    return to;
}
} // namespace container
