// The kinds of namespaces (namespaces(7)) but the numbers' (pid_namespace.h), the users' (user_namespace.h) and the
// mounts' (kernel/vfs/mount.h), and
// control groups: what processes share, or have of their own. Each counts its own references, so that any of them can
// be shared without the others.
#pragma once
#include "core/alloc/account.h"
#include "core/sync/lock.h"
#include "core/time/vdso_page.h"
#include "core/wait/wait.h"
#include "kernel/views/user_namespace.h"
#include "lib/memory.h"
#include "lib/string.h"

namespace namespaces {
// What /proc/pid/ns shows of the host world's, as Linux numbers them.
inline constexpr u64 first_time = 0xefff'fffa, first_cgroup = 0xefff'fffb, first_pid = 0xefff'fffc,
                     first_user = 0xefff'fffd, first_uts = 0xefff'fffe, first_ipc = 0xefff'ffff,
                     first_mount = 0xf000'0000, first_network = 0xf000'0001;
/// `first`, or if that is 0 a number that no other namespace has.
u64 next_number(u64 first = 0);
} // namespace namespaces

/// uname(2)'s host and domain name: uts_namespaces(7).
class UtsNamespace : public RefCounted<UtsNamespace> {
public:
    UtsNamespace(u64 first, Ref<const UserNamespace> of)
        : number{namespaces::next_number(first)}, owner{std::move(of)} {}
    const u64 number;
    /// In which CAP_SYS_ADMIN sets the names; null: a namespace without maps.
    const Ref<const UserNamespace> owner;
    struct Names {
        FixedString<64> host, domain = std::string_view{"(none)"};
    };
    /// Guarded together.
    Guarded<Names, Spinlock<Rank::device>> names;
    void set_host(std::string_view);
    void set_domain(std::string_view);
    /// How often each was set, and who wants to know: poll(2) of /proc/sys/kernel/hostname and domainname.
    std::atomic<u32> host_changes = 0, domain_changes = 0;
    WaitQueue changed;
};

/// System V IPC and POSIX message queues: ipc_namespaces(7). Of the latter there are none yet.
class IpcNamespace : public RefCounted<IpcNamespace> {
public:
    IpcNamespace(u64 first, Ref<const UserNamespace> of)
        : number{namespaces::next_number(first)}, owner{std::move(of)} {}
    ~IpcNamespace() { delete objects.load(); }
    const u64 number;
    /// In which capabilities go beyond permissions; null: a namespace without maps.
    const Ref<const UserNamespace> owner;
    /// What kernel/ipc/sysv keeps here; null: nothing yet.
    struct Objects {
        virtual ~Objects() = default;
    };
    std::atomic<Objects*> objects = nullptr;
};

/// Interfaces, addresses, ports: network_namespaces(7).
class NetworkNamespace : public RefCounted<NetworkNamespace> {
public:
    NetworkNamespace(u64 first, Ref<const UserNamespace> of)
        : number{namespaces::next_number(first)}, owner{std::move(of)} {}
    ~NetworkNamespace() { delete objects.load(); }
    const u64 number;
    /// In which CAP_NET_ADMIN and its like count; null: a namespace without maps.
    const Ref<const UserNamespace> owner;
    /// What the network stack keeps here; null: nothing yet.
    struct Objects {
        virtual ~Objects() = default;
    };
    std::atomic<Objects*> objects = nullptr;
};

/// How far CLOCK_MONOTONIC and CLOCK_BOOTTIME are ahead of the machine's: time_namespaces(7). Never changes.
class TimeNamespace : public RefCounted<TimeNamespace> {
public:
    /// With the machine's clocks.
    explicit TimeNamespace(u64 first) : number{namespaces::next_number(first)} {}
    /// err::nomem; err::range: one of the clocks would be before 0, or beyond half of what it can show.
    static Result<Ref<TimeNamespace>> create(clocks::Offsets);

    const u64 number;
    const clocks::Offsets offsets;
    /// CLOCK_BOOTTIME of its processes.
    u64 boottime_ns() const { return at_boottime(clocks::monotonic_ns()); }
    /// What that shows at a moment of the machine's monotonic clock; modulo 2^64.
    u64 at_boottime(u64 machine_ns) const { return machine_ns + static_cast<u64>(offsets.boottime); }
    /// What the vDSO of its processes reads. Null: the machine's.
    const Ref<clocks::VdsoPage> page;

    TimeNamespace(clocks::Offsets ahead, Ref<clocks::VdsoPage> made) // by create()
        : number{namespaces::next_number()}, offsets{ahead}, page{std::move(made)} {}
};

/// Who pays, and how much there may be: cgroups(7). Closes the account when the last task and the container are gone.
class Cgroup : public RefCounted<Cgroup> {
public:
    Cgroup(u64 first, MemoryAccount& pays, u32 most)
        : number{namespaces::next_number(first)}, account{&pays}, max_tasks{most} {}
    ~Cgroup() { account->close(); }
    const u64 number; // of its namespace: cgroup_namespaces(7)
    /// Memory of all its tasks is charged here.
    MemoryAccount* const account;
    /// Tasks alive, and how many may be: clone answers err::again beyond (cgroup pids.max).
    std::atomic<u32> tasks = 0;
    const u32 max_tasks;
};
