// What a bundle's config.json asks for, checked: OCI runtime specification, version 1.
#pragma once
#include "container/json.h"
#include "core/time/clock.h"
#include "kernel/credentials/credentials.h"
#include "kernel/credentials/limits.h"
#include "kernel/views/pid_namespace.h"
#include "kernel/views/user_namespace.h"
#include "lib/string.h"

namespace container {
/// A process to run in a container: `process` in config.json, and what container_exec takes.
struct ProcessSpec {
    bool terminal = false;
    u16 rows = 0, columns = 0; // consoleSize; 0: not given
    String cwd;
    Vector<String> args, env;
    u32 uid = 0, gid = 0, umask = 022; // IDs are those inside of the container
    Vector<u32> groups;
    CapabilitySet effective = 0, permitted = 0, inheritable = 0, bounding = 0, ambient = 0;
    bool no_new_privileges = false;
    int oom_score_adjustment = 0;
    struct Rlimit {
        unsigned resource; // RLIMIT_*
        Limit limit;
    };
    Vector<Rlimit> rlimits;
};

/// One entry of `mounts`.
struct MountSpec {
    String destination, type, source;
    String options;                     // the file system's own, comma-separated
    unsigned long flags = 0;            // MS_*, MS_BIND and MS_REC included
    u32 set_below = 0, clear_below = 0; // MS_* for the mount and all that come with it: rro, rnosuid...
    bool copy_up = false;               // tmpcopyup: starts with what the directory has that it covers
    bool optional = false;              // a kind that Linux has and Rundlet may not: sysfs, mqueue, cgroup
};

/// One entry of `linux.devices`.
struct DeviceSpec {
    String path;
    u64 device = 0;
    u32 mode = 0, uid = 0, gid = 0;
};

/// An entry of `linux.namespaces` with a path, /proc/PID/ns/TYPE: the namespace is that of a process, of the host
/// world's or of another container.
struct JoinSpec {
    enum class Kind : u8 { uts, ipc, network, user, time } kind;
    Pid process;
};

struct Spec {
    String oci_version;
    String root_path; // relative to the bundle, with no ".."; or absolute
    bool root_readonly = false;
    String hostname, domainname;
    ProcessSpec process;
    Vector<MountSpec> mounts;
    Vector<DeviceSpec> devices;
    Vector<String> masked_paths, readonly_paths;
    Vector<JoinSpec> joins;
    clocks::Offsets time_offsets;
    IdMap uid_map, gid_map; // with none: the container's IDs are the machine's, or those of a namespace of `joins`
    struct Annotation {
        String name, value;
    };
    Vector<Annotation> annotations;
    u64 memory_limit = ~u64{0}; // bytes
    u32 pids_limit = ~u32{0};
};

/// Reads a whole config.json. What is wrong, or asks for protection that is not enforced, is err::inval with a
/// complaint that names the field and its value; unknown fields are skipped, as the specification demands.
Result<Spec> parse_spec(Vector<char> text, json::Complaint&);
/// A `process` object alone. What it leaves out is taken from `otherwise` when given (container_exec): the arguments,
/// the terminal and the window size never are.
Result<ProcessSpec> parse_process(const json::Field& process, const ProcessSpec* otherwise);

inline constexpr usize max_config_size = 1 * MiB;
} // namespace container
