// What /proc tells about the whole system, and the settings below /proc/sys.
#include "core/alloc/fail.h"
#include "core/alloc/frame.h"
#include "core/mm/area_use.h"
#include "core/rng/rng.h"
#include "core/time/clock.h"
#include "fs/proc/node.h"
#include "kernel/file/current.h"
#include "kernel/process/tree.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/locks.h"
#include "kernel/vfs/settings.h"
#include "kernel/views/release.h"
#include "lib/numbers.h"
#include <linux/capability.h>
#include <linux/stat.h>

namespace proc {
namespace {
constexpr u64 ns_per_second = clocks::ns_per_second, ns_per_tick = ns_per_second / 100;
constexpr u64 most_files = ~u64{0} >> 1;
constexpr u32 text = S_IFREG | 0444, setting = S_IFREG | 0644, link = S_IFLNK | 0777, directory = S_IFDIR | 0555;

Result<> print_meminfo(Writer& out, const Context& c) {
    mm::MemoryInfo m = mm::memory_info();
    u64 total = m.total, free = m.free;
    // A container sees its limit as the machine's memory.
    if (MemoryAccount& account = c.view->account(); account.limit() < total) {
        total = account.limit();
        free = account.used() < total ? total - account.used() : 0;
    }
    u64 cache = m.of(FrameUse::page_cache), shared = m.of(FrameUse::shared), anonymous = m.of(FrameUse::anonymous);
    u64 slab = m.of(FrameUse::slab) + m.of(FrameUse::slab_rest) + m.of(FrameUse::large);
    struct {
        std::string_view name;
        u64 bytes;
    } lines[] = {{"MemTotal", total},
                 {"MemFree", free},
                 {"MemAvailable", free},
                 {"Buffers", 0},
                 {"Cached", cache + shared},
                 {"SwapCached", 0},
                 {"Active", anonymous},
                 {"Inactive", cache},
                 {"SwapTotal", 0},
                 {"SwapFree", 0},
                 {"Dirty", 0},
                 {"Writeback", 0},
                 {"AnonPages", anonymous},
                 {"Mapped", 0},
                 {"Shmem", cache + shared},
                 {"Slab", slab},
                 {"SReclaimable", 0},
                 {"SUnreclaim", slab},
                 {"KernelStack", m.of(FrameUse::stack)},
                 {"PageTables", m.of(FrameUse::page_table)},
                 {"CommitLimit", total},
                 {"Committed_AS", anonymous},
                 {"AnonHugePages", mm::huge_memory()}};
    for (auto& l : lines) {
        char name[20];
        BufferWriter label{name};
        print(label, "{}:", l.name);
        print(out, "{:<15} {:>8} kB\n", label.text(), l.bytes / KiB);
    }
    return {};
}

u64 idle_ns() {
    u64 sum = 0;
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) sum += sched::cpu_use(cpu).idle_ns;
    return sum;
}
void print_seconds(Writer& out, u64 ns) { print(out, "{}.{:02}", ns / ns_per_second, ns / ns_per_tick % 100); }

Result<> print_uptime(Writer& out, const Context&) {
    print_seconds(out, clocks::monotonic_ns());
    out.write(" ");
    print_seconds(out, idle_ns());
    out.write("\n");
    return {};
}

void print_cpu_line(Writer& out, std::string_view name, const sched::CpuUse& u) {
    print(out, "{} {} 0 {} {} 0 0 0 0 0 0\n", name, u.user_ns / ns_per_tick, u.system_ns / ns_per_tick,
          u.idle_ns / ns_per_tick);
}
Result<> print_system_stat(Writer& out, const Context&) {
    sched::CpuUse all{};
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) {
        sched::CpuUse u = sched::cpu_use(cpu);
        all.user_ns += u.user_ns;
        all.system_ns += u.system_ns;
        all.idle_ns += u.idle_ns;
    }
    print_cpu_line(out, "cpu ", all);
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) {
        char name[12];
        BufferWriter label{name};
        print(label, "cpu{}", cpu);
        print_cpu_line(out, label.text(), sched::cpu_use(cpu));
    }
    i64 boot = (clocks::realtime_ns() - static_cast<i64>(clocks::monotonic_ns())) / static_cast<i64>(ns_per_second);
    sched::Load load = sched::load();
    print(out, "intr 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
          sched::context_switches(), boot, load.threads, load.runnable);
    return {};
}

Result<> print_loadavg(Writer& out, const Context& c) {
    sched::Load load = sched::load();
    for (u64 average : load.average) print(out, "{}.{:02} ", average / 2048, average % 2048 * 100 / 2048);
    Pid last = [&] {
        process::TreeLock tree;
        return c.pids().last(tree);
    }();
    print(out, "{}/{} {}\n", load.runnable, load.threads, last);
    return {};
}
Result<> print_cpuinfo(Writer& out, const Context&) {
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) arch::describe_cpu(out, cpu);
    return {};
}
Result<> print_filesystems(Writer& out, const Context& c) {
    for (const vfs::FilesystemType* t : vfs::filesystem_types())
        if (c.view->is_root() || t->mountable_in_container)
            print(out, "{}\t{}\n", t->needs_device ? "" : "nodev", t->name);
    return {};
}
Result<> print_version(Writer& out, const Context&) {
    print(out, "{} version {} {}\n", release::system, release::release, release::version);
    return {};
}
Result<> print_devices(Writer& out, const Context&) { return device::print_devices(out), Result<>{}; }
Result<> print_boot_line(Writer& out, const Context& c) {
    if (c.view->is_root()) out.write(arch::boot_info().command_line);
    out.write("\n");
    return {};
}
Result<> print_swaps(Writer& out, const Context&) {
    return out.write("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"), Result<>{};
}
Result<> print_partitions(Writer& out, const Context&) {
    return out.write("major minor  #blocks  name\n\n"), Result<>{};
}
Result<> print_vmstat(Writer& out, const Context&) {
    mm::MemoryInfo m = mm::memory_info();
    print(out,
          "nr_free_pages {}\nnr_file_pages {}\nnr_anon_pages {}\nnr_page_table_pages {}\npgpgin 0\npgpgout 0\npswpin "
          "0\npswpout 0\n",
          m.free / page_size, m.of(FrameUse::page_cache) / page_size, m.of(FrameUse::anonymous) / page_size,
          m.of(FrameUse::page_table) / page_size);
    return {};
}

/// No controller has a hierarchy, no disk is there.
Result<> print_cgroups(Writer& out, const Context&) {
    return out.write("#subsys_name\thierarchy\tnum_cgroups\tenabled\n"), Result<>{};
}
Result<> print_nothing(Writer&, const Context&) { return {}; }

/// One line per lock that a process of the view has set.
Result<> print_locks(Writer& out, const Context& c) {
    u64 number = 0;
    vfs::LockList::for_each([&](vfs::Inode& inode, const vfs::FileLock& l) {
        static constexpr std::string_view kinds[] = {"POSIX  ADVISORY ", "OFDLCK ADVISORY ", "FLOCK  ADVISORY "};
        bool host = c.view->is_root();
        if (!host && l.setter.pids != &c.pids()) return;
        int pid = l.kind == vfs::LockKind::description ? -1 : host ? l.setter.root_pid : l.setter.pid;
        u64 device = inode.superblock().device();
        print(out, "{}: {} {} {} {:02x}:{:02x}:{} {} ", ++number, kinds[static_cast<usize>(l.kind)],
              l.exclusive ? "WRITE" : "READ", pid, device::major(device), device::minor(device), inode.number(),
              l.first);
        if (l.last == ~u64{0})
            out.write("EOF\n");
        else
            print(out, "{}\n", l.last);
    });
    return {};
}

/// Who asks: only tasks of the view have a number in it.
Result<String> name_self(const Context& c) {
    Pid pid = Thread::current().is_user() ? Task::current().process().pid(c.pids()) : 0;
    if (!pid) return err::noent;
    char buffer[12];
    BufferWriter out{buffer};
    print(out, "{}", pid);
    return String::create(out.text());
}
Result<String> name_thread_self(const Context& c) {
    auto pid = TRY(name_self(c));
    char buffer[36];
    BufferWriter out{buffer};
    print(out, "{}/task/{}", pid.view(), Task::current().tid(c.pids()));
    return String::create(out.text());
}
Result<String> name_mounts(const Context&) { return String::create("self/mounts"); }

// /proc/sys. A setting that cannot be changed here has mode 0444.
template <auto value>
Result<> print_value(Writer& out, const Context&) {
    return print(out, "{}\n", value), Result<>{};
}
Result<> print_ostype(Writer& out, const Context&) { return print(out, "{}\n", release::system), Result<>{}; }
Result<> print_osrelease(Writer& out, const Context&) { return print(out, "{}\n", release::release), Result<>{}; }
Result<> print_osversion(Writer& out, const Context&) { return print(out, "{}\n", release::version), Result<>{}; }
Result<> print_hostname(Writer& out, const Context& c) {
    auto host = c.view->uts->names.lock()->host;
    return print(out, "{}\n", host.view()), Result<>{};
}
Result<> print_domainname(Writer& out, const Context& c) {
    auto domain = c.view->uts->names.lock()->domain;
    return print(out, "{}\n", domain.view()), Result<>{};
}
Result<> may_set() {
    auto* who = file::credentials();
    return !who || who->can(CAP_SYS_ADMIN) ? Result<>{} : Result<>{err::perm};
}
Result<> store_hostname(std::string_view s, const Context& c) {
    TRY(may_set());
    if (s.size() > 64) return err::inval;
    c.view->uts->set_host(s);
    return {};
}
Result<> store_domainname(std::string_view s, const Context& c) {
    TRY(may_set());
    if (s.size() > 64) return err::inval;
    c.view->uts->set_domain(s);
    return {};
}

void print_uuid(Writer& out, std::span<std::byte, 16> b) {
    b[6] = (b[6] & std::byte{0x0f}) | std::byte{0x40}; // RFC 9562: version 4, variant 1
    b[8] = (b[8] & std::byte{0x3f}) | std::byte{0x80};
    for (usize i = 0; i < 16; i++)
        print(out, "{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", static_cast<u8>(b[i]));
    out.write("\n");
}
Result<> print_random_uuid(Writer& out, const Context&) {
    std::byte bytes[16];
    rng::fill(bytes);
    print_uuid(out, bytes);
    return {};
}
Result<> print_boot_id(Writer& out, const Context&) {
    static constinit Guarded<std::array<std::byte, 16>, Spinlock<Rank::device>> id;
    static constinit std::atomic<bool> made = false;
    std::array<std::byte, 16> bytes;
    rng::fill(bytes);
    {
        auto kept = id.lock();
        if (!made.exchange(true)) *kept = bytes;
        bytes = *kept;
    }
    print_uuid(out, bytes);
    return {};
}
Result<> print_dentry_state(Writer& out, const Context&) {
    vfs::CacheUse use = vfs::cache_use();
    return print(out, "{}\t{}\t45\t0\t0\t0\n", use.entries, use.unused), Result<>{};
}
/// Allocated, free (always 0), and how many there may be.
Result<> print_file_count(Writer& out, const Context&) {
    return print(out, "{}\t0\t{}\n", File::count.sum(), most_files), Result<>{};
}
Result<> print_inode_count(Writer& out, const Context&) {
    return print(out, "{}\t0\n", vfs::Inode::count.sum()), Result<>{};
}
Result<> print_core_pattern(Writer& out, const Context&) { return out.write("core\n"), Result<>{}; }
Result<> print_printk(Writer& out, const Context&) { return out.write("4\t4\t1\t7\n"), Result<>{}; }

constexpr Item random_list[] = {
    {.name = "uuid", .mode = text, .print = print_random_uuid},
    {.name = "boot_id", .mode = text, .print = print_boot_id},
    {.name = "entropy_avail", .mode = text, .print = print_value<rng::pool_bits>},
    {.name = "poolsize", .mode = text, .print = print_value<rng::pool_bits>},
};
constexpr Items random_items{random_list};
constexpr Item kernel_list[] = {
    {.name = "ostype", .mode = text, .print = print_ostype},
    {.name = "osrelease", .mode = text, .print = print_osrelease},
    {.name = "version", .mode = text, .print = print_osversion},
    {.name = "hostname",
     .mode = setting,
     .print = print_hostname,
     .store = store_hostname,
     .of_names = &UtsNamespace::host_changes},
    {.name = "domainname",
     .mode = setting,
     .print = print_domainname,
     .store = store_domainname,
     .of_names = &UtsNamespace::domain_changes},
    {.name = "pid_max", .mode = text, .print = print_value<pid_max>},
    {.name = "threads-max", .mode = text, .print = print_value<pid_max>},
    {.name = "cap_last_cap", .mode = text, .print = print_value<40>},
    {.name = "ngroups_max", .mode = text, .print = print_value<65536>},
    {.name = "overflowuid", .mode = text, .print = print_value<65534>},
    {.name = "overflowgid", .mode = text, .print = print_value<65534>},
    {.name = "randomize_va_space", .mode = text, .print = print_value<2>},
    {.name = "dmesg_restrict", .mode = text, .print = print_value<0>},
    {.name = "kptr_restrict", .mode = text, .print = print_value<2>}, // no file shows an address of the kernel
    {.name = "core_pattern", .mode = text, .print = print_core_pattern},
    {.name = "printk", .mode = text, .print = print_printk},
    {.name = "panic", .mode = text, .print = print_value<0>},
    {.name = "tainted", .mode = text, .print = print_value<0>},
    {.name = "sched_rt_period_us", .mode = text, .print = print_value<sched::realtime_period_ns / 1000>},
    {.name = "sched_rt_runtime_us", .mode = text, .print = print_value<sched::realtime_share_ns / 1000>},
    {.name = "random", .mode = directory, .children = &random_items},
};
constexpr Items kernel_items{kernel_list};
constexpr Item vm_list[] = {
    {.name = "overcommit_memory", .mode = text, .print = print_value<1>},
    {.name = "overcommit_ratio", .mode = text, .print = print_value<50>},
    {.name = "max_map_count", .mode = text, .print = print_value<65530>},
    {.name = "mmap_min_addr", .mode = text, .print = print_value<65536>},
    {.name = "swappiness", .mode = text, .print = print_value<0>},
    {.name = "dirty_ratio", .mode = text, .print = print_value<100>}, // nothing is written back
    {.name = "dirty_background_ratio", .mode = text, .print = print_value<100>},
    {.name = "nr_hugepages", .mode = text, .print = print_value<0>},
};
constexpr Items vm_items{vm_list};
/// A setting of the machine: only the host world changes it.
template <auto which, u32 least, u32 most>
Result<> store_setting(std::string_view s, const Context& c) {
    auto wanted = parse_number<u32>(s);
    if (!wanted || *wanted < least || *wanted > most) return err::inval;
    if (!c.view->is_root()) return err::perm;
    (vfs::settings.*which).store(*wanted, std::memory_order_relaxed);
    return {};
}
template <auto which>
Result<> print_setting(Writer& out, const Context&) {
    return print(out, "{}\n", (vfs::settings.*which).load(std::memory_order_relaxed)), Result<>{};
}
template <auto which, u32 least, u32 most>
constexpr Item setting_of(std::string_view name, u32 mode) {
    return {.name = name, .mode = mode, .print = print_setting<which>, .store = store_setting<which, least, most>};
}
constexpr Item fs_list[] = {
    setting_of<&vfs::Settings::protected_hardlinks, 0, 1>("protected_hardlinks", setting),
    setting_of<&vfs::Settings::protected_symlinks, 0, 1>("protected_symlinks", setting),
    setting_of<&vfs::Settings::protected_fifos, 0, 2>("protected_fifos", setting),
    setting_of<&vfs::Settings::protected_regular, 0, 2>("protected_regular", setting),
    setting_of<&vfs::Settings::mount_max, 1, ~0u>("mount-max", setting),
    setting_of<&vfs::Settings::leases_enable, 0, 1>("leases-enable", setting),
    setting_of<&vfs::Settings::lease_break_time, 0, ~0u>("lease-break-time", setting),
    {.name = "file-max", .mode = text, .print = print_value<most_files>},
    {.name = "file-nr", .mode = text, .print = print_file_count},
    {.name = "inode-nr", .mode = text, .print = print_inode_count},
    {.name = "suid_dumpable", .mode = text, .print = print_value<0>},
    {.name = "overflowuid", .mode = text, .print = print_value<65534>},
    {.name = "overflowgid", .mode = text, .print = print_value<65534>},
    {.name = "nr_open", .mode = text, .print = print_value<1'048'576>},
    {.name = "pipe-max-size", .mode = text, .print = print_value<1'048'576>},
    {.name = "dentry-state", .mode = text, .print = print_dentry_state},
};
constexpr Items fs_items{fs_list};
constexpr Item core_list[] = {{.name = "somaxconn", .mode = text, .print = print_value<4096>}};
constexpr Items core_items{core_list};
constexpr Item net_list[] = {{.name = "core", .mode = directory, .children = &core_items}};
constexpr Items net_items{net_list};
// How many a user may make: views are the containers' alone.
constexpr Item user_list[] = {
    {.name = "max_cgroup_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_ipc_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_mnt_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_net_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_pid_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_time_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_user_namespaces", .mode = text, .print = print_value<0>},
    {.name = "max_uts_namespaces", .mode = text, .print = print_value<0>},
};
constexpr Items user_items{user_list};
constexpr Item sys_list[] = {
    {.name = "kernel", .mode = directory, .children = &kernel_items},
    {.name = "vm", .mode = directory, .children = &vm_items},
    {.name = "fs", .mode = directory, .children = &fs_items},
    {.name = "net", .mode = directory, .children = &net_items},
    {.name = "user", .mode = directory, .children = &user_items},
};
constexpr Items sys_items{sys_list};
Result<Ref<vfs::Inode>> make_sys_directory(vfs::Superblock& sb, const Context& above, u64 number) {
    Context c = above;
    c.sysctl = true;
    return TRY(make_ref<ItemDirectory>(sb, number, directory, std::move(c), sys_items));
}
#if RUNDLET_CHECK
Result<> print_fail_rate(Writer& out, const Context&) { return print(out, "{}\n", failures::rate()), Result<>{}; }
Result<> store_fail_rate(std::string_view text, const Context& c) {
    if (!c.view->is_root()) return err::perm;
    return failures::set_rate(TRY(parse_number<u32>(text))), Result<>{};
}
#endif
constexpr Item root_list[] = {
#if RUNDLET_CHECK
    {.name = "fail-rate", .mode = setting, .print = print_fail_rate, .store = store_fail_rate},
#endif
    {.name = "self", .mode = link, .target = name_self},
    {.name = "thread-self", .mode = link, .target = name_thread_self},
    {.name = "mounts", .mode = link, .target = name_mounts},
    {.name = "meminfo", .mode = text, .print = print_meminfo},
    {.name = "cpuinfo", .mode = text, .print = print_cpuinfo},
    {.name = "uptime", .mode = text, .print = print_uptime},
    {.name = "stat", .mode = text, .print = print_system_stat},
    {.name = "loadavg", .mode = text, .print = print_loadavg},
    {.name = "filesystems", .mode = text, .print = print_filesystems},
    {.name = "version", .mode = text, .print = print_version},
    {.name = "devices", .mode = text, .print = print_devices},
    {.name = "cmdline", .mode = text, .print = print_boot_line},
    {.name = "swaps", .mode = text, .print = print_swaps},
    {.name = "partitions", .mode = text, .print = print_partitions},
    {.name = "diskstats", .mode = text, .print = print_nothing},
    {.name = "vmstat", .mode = text, .print = print_vmstat},
    {.name = "cgroups", .mode = text, .print = print_cgroups},
    {.name = "locks", .mode = text, .print = print_locks},
    {.name = "sys", .mode = directory, .directory = make_sys_directory},
};
} // namespace

constinit const Items root_items{root_list};
} // namespace proc
