// `process` of a config.json, and what container_exec takes.
#include "container/members.h"
#include "container/spec_parts.h"
#include "core/log/log.h"
#include <algorithm>
#include <linux/capability.h>
#include <linux/oom.h>

namespace container {
using json::Field;

namespace {
Result<> add_strings(const Field& list, Vector<String>& to) {
    constexpr usize most = 4096;
    return list.for_each([&](const Field& element) -> Result<> {
        if (to.size() == most) return list.refuse("has more than 4,096 elements");
        return to.push(TRY(text_of(element)));
    });
}

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

/// A name that the kernel does not know is no error, as the specification has it: nothing can be granted by it.
Result<CapabilitySet> capability_set(const Field& list) {
    CapabilitySet set = 0;
    TRY(list.for_each([&](const Field& element) -> Result<> {
        auto name = TRY(element.string());
        auto at = std::ranges::find(capability_names, name);
        if (at != std::end(capability_names))
            set |= CapabilitySet{1} << (at - std::begin(capability_names));
        else
            log(LogLevel::warning, "config.json: there is no capability \"{}\": ignored", name.substr(0, 64));
        return {};
    }));
    return set;
}

Result<> parse_capabilities(const Field& sets, ProcessSpec& to) {
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
        u64 soft = TRY(entry["soft"].natural(RLIM_INFINITY)), hard = TRY(entry["hard"].natural(RLIM_INFINITY));
        if (soft > hard) return entry["soft"].refuse("is above the hard limit");
        return to.rlimits.push({known->resource, {soft, hard}});
    });
}

Result<> parse_user(const Field& user, ProcessSpec& to) {
    constexpr i64 most = 0xffff'fffe;
    to.groups.clear();
    to.uid = static_cast<u32>(TRY(user["uid"].integer_or(0, 0, most)));
    to.gid = static_cast<u32>(TRY(user["gid"].integer_or(0, 0, most)));
    to.umask = static_cast<u32>(TRY(user["umask"].integer_or(022, 0, 0777)));
    return user["additionalGids"].for_each([&](const Field& gid) -> Result<> {
        if (to.groups.size() == 65536) return gid.refuse("is beyond the limit of 65,536 groups");
        return to.groups.push(static_cast<u32>(TRY(gid.integer(0, most))));
    });
}

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

/// Of variables that stand twice the last counts, in the place of the first: as setenv(3) for one after the other.
Result<> drop_doubles(Vector<String>& env) {
    Vector<u32> order;
    TRY(order.reserve(env.size()));
    for (u32 i = 0; i < env.size(); i++) TRY(order.push(i));
    std::sort(order.begin(), order.end(), [&](u32 a, u32 b) {
        int names = name_of(env[a]).compare(name_of(env[b]));
        return names < 0 || (names == 0 && a < b);
    });
    for (usize i = 0, first = 0; i + 1 < order.size(); i++) {
        if (name_of(env[order[first]]) != name_of(env[order[i + 1]])) {
            first = i + 1;
            continue;
        }
        env[order[first]] = std::move(env[order[i + 1]]);
        env[order[i + 1]] = String{};
    }
    usize kept = 0;
    for (String& variable : env)
        if (!variable.empty()) std::swap(env[kept++], variable);
    return env.resize(kept);
}

Result<> parse_env(const Field& list, ProcessSpec& to) {
    TRY(add_strings(list, to.env));
    TRY(list.for_each([](const Field& element) -> Result<> {
        auto variable = TRY(element.string());
        if (!variable.contains('=')) return element.refuse("has no \"=\"");
        return variable.starts_with('=') ? element.refuse("has no name") : Result<>{};
    }));
    return drop_doubles(to.env);
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
    if (otherwise) TRY(check_members(process, "process.")); // else the whole config.json has been
    ProcessSpec to;
    to.terminal = TRY(process["terminal"].boolean_or(false));
    Field size = process["consoleSize"];
    to.rows = static_cast<u16>(TRY(size["height"].integer_or(0, 0, 65535)));
    to.columns = static_cast<u16>(TRY(size["width"].integer_or(0, 0, 65535)));
    Field args = process["args"];
    TRY(add_strings(args, to.args));
    if (to.args.empty()) return args.refuse("is missing: it must name a program");
    if (otherwise) TRY(inherit(process, *otherwise, to));
    if (!otherwise || process["cwd"].present()) to.cwd = TRY(absolute_path(process["cwd"]));
    TRY(parse_env(process["env"], to));
    if (process["user"].present()) TRY(parse_user(process["user"], to));
    if (process["capabilities"].present()) TRY(parse_capabilities(process["capabilities"], to));
    TRY(parse_rlimits(process["rlimits"], to));
    to.no_new_privileges = TRY(process["noNewPrivileges"].boolean_or(otherwise && otherwise->no_new_privileges));
    to.oom_score_adjustment = static_cast<int>(TRY(process["oomScoreAdj"].integer_or(
        otherwise ? otherwise->oom_score_adjustment : 0, OOM_SCORE_ADJ_MIN, OOM_SCORE_ADJ_MAX)));
    return to;
}
} // namespace container
