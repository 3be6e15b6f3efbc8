// The members that the OCI runtime specification gives a config.json (config.md and config-linux.md of versions 1.0
// to 1.2, with what 1.3 adds), and what must become of each: written from the specification, not from the kernel's
// table.
#include "container/members.h"
#include "container/spec.h"
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <string>

namespace {
struct Row {
    const char* path; // "mounts[].type": of an array's elements; "annotations{}": of members with names of their own
    char kind;        // s n b a o: string, number, boolean, array, object
    /// R: read. U: means nothing here, any value is accepted. N: refused unless it asks for nothing. W: within an N.
    char treatment;
    const char* legal; // of scalars; of an N it asks for something
    const char* other; // R: a value that is refused. N: a further one that asks for nothing
    const char* flags; // !: required. -: its empty value is refused
};
const Row rows[] = {
    // config.md
    {"ociVersion", 's', 'R', R"("1.2.0")", R"("2.0.0")", "!-"},
    {"root", 'o', 'R', nullptr, nullptr, "!-"},
    {"root.path", 's', 'R', R"("rootfs")", R"("../rootfs")", "!-"},
    {"root.readonly", 'b', 'R', "true", nullptr, ""},
    {"mounts", 'a', 'R', nullptr, nullptr, ""},
    {"mounts[]", 'o', 'R', nullptr, nullptr, "-"},
    {"mounts[].destination", 's', 'R', R"("/a")", nullptr, "!-"},
    {"mounts[].source", 's', 'R', R"("s")", nullptr, ""},
    {"mounts[].type", 's', 'R', R"("tmpfs")", nullptr, ""},
    {"mounts[].options", 'a', 'R', nullptr, nullptr, ""},
    {"mounts[].options[]", 's', 'R', R"("rnosuid")", R"("idmap")", "-"},
    {"mounts[].uidMappings", 'a', 'N', nullptr, nullptr, ""},
    {"mounts[].uidMappings[]", 'o', 'W', nullptr, nullptr, ""},
    {"mounts[].uidMappings[].containerID", 'n', 'W', "7", nullptr, ""},
    {"mounts[].uidMappings[].hostID", 'n', 'W', "7", nullptr, ""},
    {"mounts[].uidMappings[].size", 'n', 'W', "7", nullptr, ""},
    {"mounts[].gidMappings", 'a', 'N', nullptr, nullptr, ""},
    {"mounts[].gidMappings[]", 'o', 'W', nullptr, nullptr, ""},
    {"mounts[].gidMappings[].containerID", 'n', 'W', "7", nullptr, ""},
    {"mounts[].gidMappings[].hostID", 'n', 'W', "7", nullptr, ""},
    {"mounts[].gidMappings[].size", 'n', 'W', "7", nullptr, ""},
    {"process", 'o', 'R', nullptr, nullptr, "!-"},
    {"process.terminal", 'b', 'R', "true", nullptr, ""},
    {"process.consoleSize", 'o', 'R', nullptr, nullptr, ""},
    {"process.consoleSize.height", 'n', 'R', "25", "65536", ""},
    {"process.consoleSize.width", 'n', 'R', "80", "-1", ""},
    {"process.cwd", 's', 'R', R"("/")", R"("work")", "!-"},
    {"process.env", 'a', 'R', nullptr, nullptr, ""},
    {"process.env[]", 's', 'R', R"("A=b")", R"("A")", "-"},
    {"process.args", 'a', 'R', nullptr, nullptr, "!-"},
    {"process.args[]", 's', 'R', R"("sh")", nullptr, ""},
    {"process.commandLine", 's', 'U', R"("cmd")", nullptr, ""},
    {"process.user", 'o', 'R', nullptr, nullptr, ""},
    {"process.user.uid", 'n', 'R', "1", "4294967295", ""},
    {"process.user.gid", 'n', 'R', "2", "-1", ""},
    {"process.user.umask", 'n', 'R', "18", "512", ""},
    {"process.user.additionalGids", 'a', 'R', nullptr, nullptr, ""},
    {"process.user.additionalGids[]", 'n', 'R', "3", "1e10", ""},
    {"process.user.username", 's', 'U', R"("u")", nullptr, ""},
    {"process.rlimits", 'a', 'R', nullptr, nullptr, ""},
    {"process.rlimits[]", 'o', 'R', nullptr, nullptr, "-"},
    {"process.rlimits[].type", 's', 'R', R"("RLIMIT_CORE")", R"("RLIMIT_X")", "!-"},
    {"process.rlimits[].soft", 'n', 'R', "0", "18446744073709551616", "!"},
    {"process.rlimits[].hard", 'n', 'R', "18446744073709551615", "-1", "!"},
    {"process.apparmorProfile", 's', 'N', R"("docker-default")", R"("unconfined")", ""},
    {"process.capabilities", 'o', 'R', nullptr, nullptr, ""},
    {"process.capabilities.bounding", 'a', 'R', nullptr, nullptr, ""},
    {"process.capabilities.bounding[]", 's', 'R', R"("CAP_KILL")", nullptr, ""},
    {"process.capabilities.permitted", 'a', 'R', nullptr, nullptr, ""},
    {"process.capabilities.permitted[]", 's', 'R', R"("CAP_KILL")", nullptr, ""},
    {"process.capabilities.effective", 'a', 'R', nullptr, nullptr, ""},
    {"process.capabilities.effective[]", 's', 'R', R"("CAP_OF_A_LATER_KERNEL")", nullptr, ""},
    {"process.capabilities.inheritable", 'a', 'R', nullptr, nullptr, ""},
    {"process.capabilities.inheritable[]", 's', 'R', R"("CAP_KILL")", nullptr, ""},
    {"process.capabilities.ambient", 'a', 'R', nullptr, nullptr, ""},
    {"process.capabilities.ambient[]", 's', 'R', R"("CAP_KILL")", nullptr, ""},
    {"process.noNewPrivileges", 'b', 'R', "true", nullptr, ""},
    {"process.oomScoreAdj", 'n', 'R', "-500", "1001", ""},
    {"process.scheduler", 'o', 'R', nullptr, nullptr, ""},
    {"process.scheduler.policy", 's', 'N', R"("SCHED_FIFO")", R"("SCHED_OTHER")", ""},
    {"process.scheduler.nice", 'n', 'N', "7", nullptr, ""},
    {"process.scheduler.priority", 'n', 'N', "7", nullptr, ""},
    {"process.scheduler.flags", 'a', 'N', nullptr, nullptr, ""},
    {"process.scheduler.flags[]", 's', 'W', R"("x")", nullptr, ""},
    {"process.scheduler.runtime", 'n', 'N', "7", nullptr, ""},
    {"process.scheduler.deadline", 'n', 'N', "7", nullptr, ""},
    {"process.scheduler.period", 'n', 'N', "7", nullptr, ""},
    {"process.selinuxLabel", 's', 'N', R"("system_u:system_r:svirt_t:s0")", nullptr, ""},
    {"process.ioPriority", 'o', 'R', nullptr, nullptr, ""},
    {"process.ioPriority.class", 's', 'N', R"("IOPRIO_CLASS_IDLE")", nullptr, ""},
    {"process.ioPriority.priority", 'n', 'N', "7", nullptr, ""},
    {"process.execCPUAffinity", 'o', 'R', nullptr, nullptr, ""},
    {"process.execCPUAffinity.initial", 's', 'N', R"("0-1")", nullptr, ""},
    {"process.execCPUAffinity.final", 's', 'N', R"("0")", nullptr, ""},
    {"hostname", 's', 'R', R"("h")", R"("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh")", ""},
    {"domainname", 's', 'R', R"("d")", R"("ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd")", ""},
    {"hooks", 'o', 'R', nullptr, nullptr, ""},
    {"hooks.prestart", 'a', 'N', nullptr, nullptr, ""},
    {"hooks.prestart[]", 'o', 'W', nullptr, nullptr, ""},
    {"hooks.prestart[].path", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.prestart[].args", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.prestart[].args[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.prestart[].env", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.prestart[].env[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.prestart[].timeout", 'n', 'W', "7", nullptr, ""},
    {"hooks.createRuntime", 'a', 'N', nullptr, nullptr, ""},
    {"hooks.createRuntime[]", 'o', 'W', nullptr, nullptr, ""},
    {"hooks.createRuntime[].path", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.createRuntime[].args", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.createRuntime[].args[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.createRuntime[].env", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.createRuntime[].env[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.createRuntime[].timeout", 'n', 'W', "7", nullptr, ""},
    {"hooks.createContainer", 'a', 'N', nullptr, nullptr, ""},
    {"hooks.createContainer[]", 'o', 'W', nullptr, nullptr, ""},
    {"hooks.createContainer[].path", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.createContainer[].args", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.createContainer[].args[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.createContainer[].env", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.createContainer[].env[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.createContainer[].timeout", 'n', 'W', "7", nullptr, ""},
    {"hooks.startContainer", 'a', 'N', nullptr, nullptr, ""},
    {"hooks.startContainer[]", 'o', 'W', nullptr, nullptr, ""},
    {"hooks.startContainer[].path", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.startContainer[].args", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.startContainer[].args[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.startContainer[].env", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.startContainer[].env[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.startContainer[].timeout", 'n', 'W', "7", nullptr, ""},
    {"hooks.poststart", 'a', 'N', nullptr, nullptr, ""},
    {"hooks.poststart[]", 'o', 'W', nullptr, nullptr, ""},
    {"hooks.poststart[].path", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.poststart[].args", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.poststart[].args[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.poststart[].env", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.poststart[].env[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.poststart[].timeout", 'n', 'W', "7", nullptr, ""},
    {"hooks.poststop", 'a', 'N', nullptr, nullptr, ""},
    {"hooks.poststop[]", 'o', 'W', nullptr, nullptr, ""},
    {"hooks.poststop[].path", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.poststop[].args", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.poststop[].args[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.poststop[].env", 'a', 'W', nullptr, nullptr, ""},
    {"hooks.poststop[].env[]", 's', 'W', R"("x")", nullptr, ""},
    {"hooks.poststop[].timeout", 'n', 'W', "7", nullptr, ""},
    {"annotations", 'o', 'R', nullptr, nullptr, ""},
    {"annotations{}", 's', 'R', R"("v")", nullptr, ""},
    {"linux", 'o', 'R', nullptr, nullptr, ""},
    {"windows", 'o', 'U', nullptr, nullptr, ""},
    {"solaris", 'o', 'U', nullptr, nullptr, ""},
    {"vm", 'o', 'U', nullptr, nullptr, ""},
    {"zos", 'o', 'U', nullptr, nullptr, ""},
    {"freebsd", 'o', 'U', nullptr, nullptr, ""},
    // config-linux.md
    {"linux.namespaces", 'a', 'R', nullptr, nullptr, "!-"},
    {"linux.namespaces[]", 'o', 'R', nullptr, nullptr, "-"},
    {"linux.namespaces[].type", 's', 'R', R"("pid")", R"("users")", "!-"},
    {"linux.namespaces[].path", 's', 'R', R"("")", R"("/proc/1/ns/pid")", ""},
    {"linux.uidMappings", 'a', 'R', nullptr, nullptr, "!-"},
    {"linux.uidMappings[]", 'o', 'R', nullptr, nullptr, "-"},
    {"linux.uidMappings[].containerID", 'n', 'R', "0", "4294967295", "!"},
    {"linux.uidMappings[].hostID", 'n', 'R', "100000", "4294967295", "!"},
    {"linux.uidMappings[].size", 'n', 'R', "65536", "4294967296", "!-"},
    {"linux.gidMappings", 'a', 'R', nullptr, nullptr, "!-"},
    {"linux.gidMappings[]", 'o', 'R', nullptr, nullptr, "-"},
    {"linux.gidMappings[].containerID", 'n', 'R', "0", "4294967295", "!"},
    {"linux.gidMappings[].hostID", 'n', 'R', "100000", "4294967295", "!"},
    {"linux.gidMappings[].size", 'n', 'R', "65536", "4294967296", "!-"},
    {"linux.timeOffsets", 'o', 'R', nullptr, nullptr, ""},
    {"linux.timeOffsets{}", 'o', 'R', nullptr, nullptr, ""},
    {"linux.timeOffsets{}.secs", 'n', 'R', "7", "4611686019", ""},
    {"linux.timeOffsets{}.nanosecs", 'n', 'R', "7", "1000000000", ""},
    {"linux.devices", 'a', 'R', nullptr, nullptr, ""},
    {"linux.devices[]", 'o', 'R', nullptr, nullptr, "-"},
    {"linux.devices[].type", 's', 'R', R"("c")", R"("b")", "!-"},
    {"linux.devices[].path", 's', 'R', R"("/dev/null")", R"("null")", "!-"},
    {"linux.devices[].major", 'n', 'R', "1", "10", "!-"},
    {"linux.devices[].minor", 'n', 'R', "3", "1", "!-"},
    {"linux.devices[].fileMode", 'n', 'R', "438", "4096", ""},
    {"linux.devices[].uid", 'n', 'R', "1", "4294967295", ""},
    {"linux.devices[].gid", 'n', 'R', "1", "-1", ""},
    {"linux.netDevices", 'o', 'N', nullptr, nullptr, ""},
    {"linux.netDevices{}", 'o', 'W', nullptr, nullptr, ""},
    {"linux.netDevices{}.name", 's', 'W', R"("x")", nullptr, ""},
    {"linux.cgroupsPath", 's', 'U', R"("/c")", nullptr, ""},
    {"linux.resources", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.devices", 'a', 'R', nullptr, nullptr, ""},
    {"linux.resources.devices[]", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.devices[].allow", 'b', 'R', "false", nullptr, ""},
    {"linux.resources.devices[].type", 's', 'R', R"("b")", R"("x")", "-"},
    {"linux.resources.devices[].major", 'n', 'R', "8", "-2", ""},
    {"linux.resources.devices[].minor", 'n', 'R', "0", "1.5", ""},
    {"linux.resources.devices[].access", 's', 'R', R"("rwm")", R"("x")", "-"},
    {"linux.resources.memory", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.memory.limit", 'n', 'R', "33554432", "4096", ""},
    {"linux.resources.memory.reservation", 'n', 'N', "33554432", "9223372036854771712", ""},
    {"linux.resources.memory.swap", 'n', 'R', "9223372036854771712", "1048576", ""},
    {"linux.resources.memory.kernel", 'n', 'N', "33554432", "-1", ""},
    {"linux.resources.memory.kernelTCP", 'n', 'N', "1", "-1", ""},
    {"linux.resources.memory.swappiness", 'n', 'U', "60", nullptr, ""},
    {"linux.resources.memory.disableOOMKiller", 'b', 'N', "true", nullptr, ""},
    {"linux.resources.memory.useHierarchy", 'b', 'U', "true", nullptr, ""},
    {"linux.resources.memory.checkBeforeUpdate", 'b', 'U', "true", nullptr, ""},
    {"linux.resources.cpu", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.cpu.shares", 'n', 'N', "2", "1024", ""},
    {"linux.resources.cpu.quota", 'n', 'N', "50000", "-1", ""},
    {"linux.resources.cpu.burst", 'n', 'N', "7", nullptr, ""},
    {"linux.resources.cpu.period", 'n', 'U', "100000", nullptr, ""},
    {"linux.resources.cpu.realtimeRuntime", 'n', 'N', "7", nullptr, ""},
    {"linux.resources.cpu.realtimePeriod", 'n', 'U', "1000000", nullptr, ""},
    {"linux.resources.cpu.cpus", 's', 'N', R"("0-1")", nullptr, ""},
    {"linux.resources.cpu.mems", 's', 'N', R"("0")", nullptr, ""},
    {"linux.resources.cpu.idle", 'n', 'N', "7", nullptr, ""},
    {"linux.resources.blockIO", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.blockIO.weight", 'n', 'N', "7", nullptr, ""},
    {"linux.resources.blockIO.leafWeight", 'n', 'N', "7", nullptr, ""},
    {"linux.resources.blockIO.weightDevice", 'a', 'N', nullptr, nullptr, ""},
    {"linux.resources.blockIO.weightDevice[]", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.blockIO.weightDevice[].major", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.weightDevice[].minor", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.weightDevice[].weight", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.weightDevice[].leafWeight", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice", 'a', 'N', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice[]", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice[].major", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice[].minor", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleReadBpsDevice[].rate", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleWriteBpsDevice", 'a', 'N', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleWriteBpsDevice[]", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleWriteBpsDevice[].major", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleWriteBpsDevice[].minor", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleWriteBpsDevice[].rate", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleReadIOPSDevice", 'a', 'N', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleReadIOPSDevice[]", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleReadIOPSDevice[].major", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleReadIOPSDevice[].minor", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleReadIOPSDevice[].rate", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleWriteIOPSDevice", 'a', 'N', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleWriteIOPSDevice[]", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.blockIO.throttleWriteIOPSDevice[].major", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleWriteIOPSDevice[].minor", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.blockIO.throttleWriteIOPSDevice[].rate", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.hugepageLimits", 'a', 'U', nullptr, nullptr, ""},
    {"linux.resources.hugepageLimits[]", 'o', 'U', nullptr, nullptr, ""},
    {"linux.resources.hugepageLimits[].pageSize", 's', 'U', R"("2MB")", nullptr, ""},
    {"linux.resources.hugepageLimits[].limit", 'n', 'U', "0", nullptr, ""},
    {"linux.resources.network", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.network.classID", 'n', 'N', "7", nullptr, ""},
    {"linux.resources.network.priorities", 'a', 'N', nullptr, nullptr, ""},
    {"linux.resources.network.priorities[]", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.network.priorities[].name", 's', 'W', R"("x")", nullptr, ""},
    {"linux.resources.network.priorities[].priority", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.pids", 'o', 'R', nullptr, nullptr, ""},
    {"linux.resources.pids.limit", 'n', 'R', "50", "9223372036854775807", ""},
    {"linux.resources.rdma", 'o', 'N', nullptr, nullptr, ""},
    {"linux.resources.rdma{}", 'o', 'W', nullptr, nullptr, ""},
    {"linux.resources.rdma{}.hcaHandles", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.rdma{}.hcaObjects", 'n', 'W', "7", nullptr, ""},
    {"linux.resources.unified", 'o', 'N', nullptr, nullptr, ""},
    {"linux.resources.unified{}", 's', 'W', R"("x")", nullptr, ""},
    {"linux.intelRdt", 'o', 'R', nullptr, nullptr, ""},
    {"linux.intelRdt.closID", 's', 'N', R"("guaranteed")", nullptr, ""},
    {"linux.intelRdt.l3CacheSchema", 's', 'N', R"("L3:0=f")", nullptr, ""},
    {"linux.intelRdt.memBwSchema", 's', 'N', R"("MB:0=20")", nullptr, ""},
    {"linux.intelRdt.enableCMT", 'b', 'N', "true", nullptr, ""},
    {"linux.intelRdt.enableMBM", 'b', 'N', "true", nullptr, ""},
    {"linux.intelRdt.enableMonitoring", 'b', 'N', "true", nullptr, ""},
    {"linux.intelRdt.schemata", 'a', 'N', nullptr, nullptr, ""},
    {"linux.intelRdt.schemata[]", 's', 'W', R"("x")", nullptr, ""},
    {"linux.memoryPolicy", 'o', 'R', nullptr, nullptr, ""},
    {"linux.memoryPolicy.mode", 's', 'N', R"("MPOL_BIND")", R"("MPOL_DEFAULT")", ""},
    {"linux.memoryPolicy.nodes", 's', 'N', R"("0")", nullptr, ""},
    {"linux.memoryPolicy.flags", 'a', 'N', nullptr, nullptr, ""},
    {"linux.memoryPolicy.flags[]", 's', 'W', R"("x")", nullptr, ""},
    {"linux.sysctl", 'o', 'N', nullptr, nullptr, ""},
    {"linux.sysctl{}", 's', 'W', R"("x")", nullptr, ""},
    {"linux.seccomp", 'o', 'R', nullptr, nullptr, ""},
    {"linux.seccomp.defaultAction", 's', 'N', R"("SCMP_ACT_ERRNO")", R"("SCMP_ACT_ALLOW")", ""},
    {"linux.seccomp.defaultErrnoRet", 'n', 'U', "1", nullptr, ""},
    {"linux.seccomp.architectures", 'a', 'U', nullptr, nullptr, ""},
    {"linux.seccomp.architectures[]", 's', 'U', R"("SCMP_ARCH_X86_64")", nullptr, ""},
    {"linux.seccomp.flags", 'a', 'U', nullptr, nullptr, ""},
    {"linux.seccomp.flags[]", 's', 'U', R"("SECCOMP_FILTER_FLAG_LOG")", nullptr, ""},
    {"linux.seccomp.listenerPath", 's', 'N', R"("/run/s")", nullptr, ""},
    {"linux.seccomp.listenerMetadata", 's', 'U', R"("m")", nullptr, ""},
    {"linux.seccomp.syscalls", 'a', 'R', nullptr, nullptr, ""},
    {"linux.seccomp.syscalls[]", 'o', 'R', nullptr, nullptr, ""},
    {"linux.seccomp.syscalls[].names", 'a', 'U', nullptr, nullptr, ""},
    {"linux.seccomp.syscalls[].names[]", 's', 'U', R"("getcwd")", nullptr, ""},
    {"linux.seccomp.syscalls[].action", 's', 'N', R"("SCMP_ACT_KILL")", R"("SCMP_ACT_ALLOW")", ""},
    {"linux.seccomp.syscalls[].errnoRet", 'n', 'U', "1", nullptr, ""},
    {"linux.seccomp.syscalls[].args", 'a', 'U', nullptr, nullptr, ""},
    {"linux.seccomp.syscalls[].args[]", 'o', 'U', nullptr, nullptr, ""},
    {"linux.seccomp.syscalls[].args[].index", 'n', 'U', "1", nullptr, ""},
    {"linux.seccomp.syscalls[].args[].value", 'n', 'U', "18446744073709551615", nullptr, ""},
    {"linux.seccomp.syscalls[].args[].valueTwo", 'n', 'U', "0", nullptr, ""},
    {"linux.seccomp.syscalls[].args[].op", 's', 'U', R"("SCMP_CMP_EQ")", nullptr, ""},
    {"linux.rootfsPropagation", 's', 'R', R"("rslave")", R"("shared")", ""},
    {"linux.maskedPaths", 'a', 'R', nullptr, nullptr, ""},
    {"linux.maskedPaths[]", 's', 'R', R"("/proc/kcore")", nullptr, "-"},
    {"linux.readonlyPaths", 'a', 'R', nullptr, nullptr, ""},
    {"linux.readonlyPaths[]", 's', 'R', R"("/proc/sys")", nullptr, "-"},
    {"linux.mountLabel", 's', 'N', R"("system_u:object_r:svirt_t:s0")", nullptr, ""},
    {"linux.personality", 'o', 'R', nullptr, nullptr, ""},
    {"linux.personality.domain", 's', 'N', R"("LINUX32")", R"("LINUX")", ""},
    {"linux.personality.flags", 'a', 'N', nullptr, nullptr, ""},
    {"linux.personality.flags[]", 's', 'W', R"("x")", nullptr, ""},
};

const Row* find(const std::string& path) {
    static const auto by_path = [] {
        std::map<std::string, const Row*> made;
        for (const Row& r : rows) made[r.path] = &r;
        return made;
    }();
    auto at = by_path.find(path);
    return at == by_path.end() ? nullptr : at->second;
}
bool within(const std::string& path, const std::string& above) {
    return path.starts_with(above) && (path.size() == above.size() || std::string{".[{"}.contains(path[above.size()]));
}

/// Builds a config.json in which `target` is `value`, and everything that is read or accepted has its legal value.
class Config {
public:
    Config(std::string target, std::string value) : target_{std::move(target)}, value_{std::move(value)} {
        text = object("");
    }
    std::string text;

private:
    std::string value(const std::string& path) {
        if (path == target_) return value_;
        const Row& row = *find(path);
        if (row.kind == 'o') return object(path);
        if (path == "linux.namespaces") // two that other members are for
            return "[" + value(path + "[]") + R"(,{"type":"time"},{"type":"user"}])";
        if (row.kind == 'a') return "[" + (find(path + "[]") ? value(path + "[]") : "") + "]";
        return row.legal;
    }
    std::string object(const std::string& path) {
        std::string made;
        for (const Row& row : rows) {
            if (!std::string_view{row.path}.starts_with(path)) continue;
            std::string below = row.path, name = below.substr(path.size());
            if (name == "{}")
                name = path == "linux.timeOffsets" ? "monotonic" : "x";
            else if (!path.empty() && name.starts_with('.'))
                name.erase(0, 1);
            else if (!path.empty())
                continue;
            if (name.empty() || name.find_first_of(".[{") != name.npos) continue;
            bool wanted =
                row.treatment == 'R' || row.treatment == 'U' || within(target_, below) || row.treatment == 'W';
            if (wanted) made += (made.empty() ? "\"" : ",\"") + name + "\":" + value(below);
        }
        return "{" + made + "}";
    }
    const std::string target_, value_;
};

/// As complaints print it: "mounts[0].type".
std::string printed(std::string path) {
    for (usize at; (at = path.find("[]")) != path.npos;) path.replace(at, 2, "[0]");
    std::string named = path.starts_with("linux.timeOffsets") ? ".monotonic" : ".x";
    for (usize at; (at = path.find("{}")) != path.npos;) path.replace(at, 2, named);
    return path;
}

/// The complaint about the config; empty: it is accepted.
std::string complaint(const Row& row, const std::string& value) {
    Config config{row.path, value};
    Vector<char> bytes;
    EXPECT_TRUE(bytes.resize(config.text.size()));
    std::memcpy(bytes.data(), config.text.data(), config.text.size());
    json::Complaint why;
    auto spec = container::parse_spec(std::move(bytes), why);
    if (spec) return "";
    EXPECT_EQ(spec.error(), Errno::inval);
    EXPECT_FALSE(why.text().empty()) << row.path << " = " << value;
    return std::string{why.text()};
}
void expect_accepted(const Row& row, const std::string& value) {
    EXPECT_EQ(complaint(row, value), "") << row.path << " = " << value;
}
/// Refused with its own name; `or_within`: or that of what it stands in.
void expect_refused(const Row& row, const std::string& value, bool or_within = false) {
    std::string said = complaint(row, value), own = printed(row.path), above = own.substr(0, own.find_last_of(".["));
    bool named = said.starts_with(own) || (or_within && said.starts_with(above));
    EXPECT_TRUE(named) << row.path << " = " << value << ": " << said;
}

TEST(Members, TheTableHasEachOfTheSpecification) {
    static const std::map<json::Kind, char> letters = {{json::Kind::string, 's'},
                                                       {json::Kind::number, 'n'},
                                                       {json::Kind::boolean, 'b'},
                                                       {json::Kind::array, 'a'},
                                                       {json::Kind::object, 'o'}};
    for (const auto& m : container::specified_members()) {
        const Row* row = find(std::string{m.path});
        ASSERT_TRUE(row) << m.path << " is not in the specification";
        EXPECT_EQ(row->kind, letters.at(m.kind)) << m.path;
        EXPECT_EQ(row->treatment, "RUNW"[static_cast<unsigned>(m.treatment)]) << m.path;
    }
    EXPECT_EQ(std::size(rows), container::specified_members().size());
}

TEST(Members, LegalValues) {
    for (const Row& row : rows) {
        if (!row.legal) continue;
        if (row.treatment == 'R' || row.treatment == 'U') expect_accepted(row, row.legal);
        if (row.treatment == 'N') expect_refused(row, row.legal);
        if (row.treatment == 'W') EXPECT_NE(complaint(row, row.legal), "") << row.path;
    }
    // Arrays and objects that are refused as a whole, with something in them.
    for (const Row& row : rows)
        if (row.treatment == 'N' && !row.legal) expect_refused(row, row.kind == 'a' ? "[\"x\"]" : "{\"x\":\"y\"}");
}

TEST(Members, ValuesThatAskForNothing) {
    static const std::map<char, std::string> empty = {
        {'s', "\"\""}, {'n', "0"}, {'b', "false"}, {'a', "[]"}, {'o', "{}"}};
    for (const Row& row : rows) {
        if (row.treatment == 'W') continue;
        bool required = std::strchr(row.flags, '!'), empty_is_bad = std::strchr(row.flags, '-');
        bool element = std::string{row.path}.find_last_of("]}") == std::strlen(row.path) - 1;
        if (!element) required ? expect_refused(row, "null") : expect_accepted(row, "null");
        empty_is_bad ? expect_refused(row, empty.at(row.kind), true) : expect_accepted(row, empty.at(row.kind));
        if (row.treatment == 'N' && row.other) expect_accepted(row, row.other);
    }
}

TEST(Members, WrongTypes) {
    static const std::map<char, std::string> values = {
        {'s', "\"x\""}, {'n', "7"}, {'b', "true"}, {'a', "[7]"}, {'o', "{\"y\":7}"}};
    for (const Row& row : rows)
        for (const auto& [kind, value] : values)
            if (kind != row.kind && row.treatment != 'W') expect_refused(row, value);
}

TEST(Members, UnsupportedValues) {
    for (const Row& row : rows)
        if (row.treatment == 'R' && row.other) expect_refused(row, row.other, true);
}

TEST(Members, UnknownOnesAreSkippedEverywhere) {
    for (const Row& row : rows)
        if (row.kind == 'o' && row.treatment == 'R' && !std::strchr(row.flags, '!') && !std::strchr(row.flags, '-') &&
            !find(std::string{row.path} + "{}"))
            expect_accepted(row, "{\"somethingNew\":[1,{\"a\":null}]}");
}
} // namespace
