// What /proc tells about the whole system.
#include "core/alloc/fail.h"
#include "core/alloc/frame.h"
#include "core/mm/area_use.h"
#include "core/time/clock.h"
#include "fs/proc/items.h"
#include "kernel/file/current.h"
#include "kernel/process/tree.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/locks.h"
#include "kernel/views/release.h"
#include "lib/numbers.h"

namespace proc {
namespace {
constexpr u64 ns_per_second = clocks::ns_per_second, ns_per_tick = ns_per_second / 100;
constexpr u32 text = S_IFREG | 0444, link = S_IFLNK | 0777, directory = S_IFDIR | 0555;

void print_meminfo(Writer& out, const Context& c) {
    mm::MemoryInfo m = mm::memory_info();
    auto [total, free] = c.view->memory();
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
}

u64 idle_ns() {
    u64 sum = 0;
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) sum += sched::cpu_use(cpu).idle_ns;
    return sum;
}
void print_seconds(Writer& out, u64 ns) { print(out, "{}.{:02}", ns / ns_per_second, ns / ns_per_tick % 100); }

void print_uptime(Writer& out, const Context& c) {
    print_seconds(out, reader_view(c).time->boottime_ns());
    out.write(" ");
    print_seconds(out, idle_ns());
    out.write("\n");
}

void print_cpu_line(Writer& out, std::string_view name, const sched::CpuUse& u) {
    print(out, "{} {} 0 {} {} 0 0 0 0 0 0\n", name, u.user_ns / ns_per_tick, u.system_ns / ns_per_tick,
          u.idle_ns / ns_per_tick);
}
void print_system_stat(Writer& out, const Context& c) {
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
    i64 boot = (clocks::realtime_ns() - static_cast<i64>(reader_view(c).time->boottime_ns())) /
               static_cast<i64>(ns_per_second);
    sched::Load load = sched::load();
    print(out, "intr 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
          sched::context_switches(), boot, load.threads, load.runnable);
}

void print_loadavg(Writer& out, const Context& c) {
    sched::Load load = sched::load();
    for (u64 average : load.average) print(out, "{}.{:02} ", average / 2048, average % 2048 * 100 / 2048);
    Pid last = [&] {
        process::TreeLock tree;
        return c.pids().last(tree);
    }();
    print(out, "{}/{} {}\n", load.runnable, load.threads, last);
}
void print_cpuinfo(Writer& out, const Context&) {
    for (unsigned cpu = 0; cpu < arch::cpu_count(); cpu++) arch::describe_cpu(out, cpu);
}
void print_filesystems(Writer& out, const Context& c) {
    for (const vfs::FilesystemType* t : vfs::filesystem_types())
        if (c.view->is_root() || t->mountable_in_container)
            print(out, "{}\t{}\n", t->needs_device ? "" : "nodev", t->name);
}
void print_version(Writer& out, const Context&) {
    print(out, "{} version {} {}\n", release::system, release::release, release::version);
}
void print_devices(Writer& out, const Context&) { device::print_devices(out); }
void print_boot_line(Writer& out, const Context& c) {
    if (c.view->is_root()) out.write(arch::boot_info().command_line);
    out.write("\n");
}
void print_swaps(Writer& out, const Context&) { out.write("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"); }
void print_partitions(Writer& out, const Context&) { out.write("major minor  #blocks  name\n\n"); }
void print_vmstat(Writer& out, const Context&) {
    mm::MemoryInfo m = mm::memory_info();
    print(out,
          "nr_free_pages {}\nnr_file_pages {}\nnr_anon_pages {}\nnr_page_table_pages {}\npgpgin 0\npgpgout 0\npswpin "
          "0\npswpout 0\n",
          m.free / page_size, m.of(FrameUse::page_cache) / page_size, m.of(FrameUse::anonymous) / page_size,
          m.of(FrameUse::page_table) / page_size);
}

/// No controller has a hierarchy, no disk is there.
void print_cgroups(Writer& out, const Context&) { out.write("#subsys_name\thierarchy\tnum_cgroups\tenabled\n"); }
void print_nothing(Writer&, const Context&) {}

/// One line per lock that a process of the view has set.
void print_locks(Writer& out, const Context& c) {
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
Result<String> name_net(const Context&) { return String::create("self/net"); }

#if RUNDLET_CHECK
void print_fail_rate(Writer& out, const Context&) { print(out, "{}\n", failures::rate()); }
Result<> store_fail_rate(std::string_view text, const Context& c) {
    if (!c.view->is_root()) return err::perm;
    return failures::set_rate(TRY(parse_number<u32>(text))), Result<>{};
}
#endif
constexpr Item root_list[] = {
#if RUNDLET_CHECK
    {.name = "fail-rate", .mode = S_IFREG | 0644, .print = print_fail_rate, .store = store_fail_rate},
#endif
    {.name = "self", .mode = link, .target = name_self},
    {.name = "thread-self", .mode = link, .target = name_thread_self},
    {.name = "mounts", .mode = link, .target = name_mounts},
    {.name = "net", .mode = link, .target = name_net},
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
    {.name = "sysvipc", .mode = directory, .children = &sysvipc_items},
    {.name = "sys", .mode = directory, .inode = make_sys_directory},
};
} // namespace

constinit const Items root_items{root_list};
} // namespace proc
