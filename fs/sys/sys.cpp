#include "fs/sys/sys.h"
#include "core/alloc/frame.h"
#include "core/cpu/online.h"
#include "fs/pseudo/inode.h"
#include "fs/sys/net.h"
#include <bit>
#include <linux/magic.h>

namespace sysfs {
namespace {
using pseudo::Context, pseudo::Item, pseudo::Items;

/// All CPUs run from boot on, and none joins later.
unsigned cpus() { return static_cast<unsigned>(std::popcount(online_cpus())); }
void print_cpus(Writer& out, const Context&) {
    if (cpus() > 1)
        print(out, "0-{}\n", cpus() - 1);
    else
        out.write("0\n");
}
void print_cpu_mask(Writer& out, const Context&) { print(out, "{:x}\n", online_cpus()); }
void print_last_cpu(Writer& out, const Context&) { print(out, "{}\n", cpus() - 1); }
void print_empty(Writer& out, const Context&) { out.write("\n"); }
void print_zero(Writer& out, const Context&) { out.write("0\n"); }

// Each CPU counts as a core with one thread, all in one package.
void print_own_number(Writer& out, const Context& c) { print(out, "{}\n", c.number); }
void print_own_mask(Writer& out, const Context& c) { print(out, "{:x}\n", u64{1} << c.number); }

// All memory is one node. A container sees its limit as the machine's memory, as in /proc/meminfo.
void print_node_memory(Writer& out, const Context& c) {
    auto [total, free] = c.view->memory();
    print(out, "Node 0 MemTotal:       {:>8} kB\nNode 0 MemFree:        {:>8} kB\nNode 0 MemUsed:        {:>8} kB\n",
          total / KiB, free / KiB, (total - free) / KiB);
}
void print_distance(Writer& out, const Context&) { out.write("10\n"); }

// Private anonymous memory gets pages of 2 MiB unless it is told not to; no other memory does.
void print_huge_pages(Writer& out, const Context&) { out.write("[always] madvise never\n"); }
void print_shared_huge_pages(Writer& out, const Context&) {
    out.write("always within_size advise [never] deny force\n");
}
void print_huge_size(Writer& out, const Context&) { print(out, "{}\n", 2 * MiB); }

constexpr Item text(std::string_view name, void (*print)(Writer&, const Context&)) {
    return {.name = name, .mode = S_IFREG | 0444, .print = print, .size = page_size};
}
constexpr u32 directory_mode = S_IFDIR | 0755;
constexpr Item directory(std::string_view name, const Items* children = nullptr) {
    return {.name = name, .mode = directory_mode, .children = children};
}

constexpr Item topology_list[] = {
    text("physical_package_id", print_zero), text("die_id", print_zero),
    text("core_id", print_own_number),       text("thread_siblings", print_own_mask),
    text("core_cpus", print_own_mask),       text("thread_siblings_list", print_own_number),
    text("core_siblings", print_cpu_mask),   text("core_cpus_list", print_own_number),
    text("package_cpus", print_cpu_mask),    text("core_siblings_list", print_cpus),
    text("package_cpus_list", print_cpus),
};
constexpr Items topology{topology_list};
constexpr Item one_cpu_list[] = {directory("topology", &topology)};

constexpr Item cpu_list[] = {
    text("online", print_cpus),   text("present", print_cpus),   text("possible", print_cpus),
    text("offline", print_empty), text("isolated", print_empty), text("kernel_max", print_last_cpu),
};
/// devices/system/cpu: cpu0 and so on.
class CpuDirectory final : public pseudo::NumberDirectory {
public:
    CpuDirectory(vfs::Superblock& sb, const Context& c, u64 number)
        : NumberDirectory{sb, number, directory_mode, c, cpu_list} {}

private:
    Result<Ref<vfs::Inode>> find(u32 cpu) override {
        if (cpu >= cpus()) return err::noent;
        Context c = context_;
        c.number = static_cast<int>(cpu);
        return TRY(make_ref<ItemDirectory>(superblock(), entry(cpu).inode, directory_mode, std::move(c), one_cpu_list));
    }
    Result<u32> next(u32 from) override { return from < cpus() ? Result<u32>{from} : err::noent; }
    Entry entry(u32 cpu) const override {
        return {pseudo::item_number(number(), std::size(cpu_list) + cpu), S_IFDIR, "cpu"};
    }
    u32 link_count() const override { return ItemDirectory::link_count() + cpus(); }
};
Result<Ref<vfs::Inode>> make_cpu_directory(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<CpuDirectory>(sb, c, number));
}

constexpr Item node0_list[] = {
    text("cpulist", print_cpus),
    text("cpumap", print_cpu_mask),
    text("distance", print_distance),
    text("meminfo", print_node_memory),
};
constexpr Items node0{node0_list};
constexpr Item node_list[] = {
    text("online", print_zero),     text("possible", print_zero),          text("has_cpu", print_zero),
    text("has_memory", print_zero), text("has_normal_memory", print_zero), directory("node0", &node0),
};
constexpr Items node{node_list};
constexpr Item system_list[] = {
    {.name = "cpu", .mode = directory_mode, .inode = make_cpu_directory},
    directory("node", &node),
};
constexpr Items system{system_list};
constexpr Item virtual_list[] = {{.name = "net", .mode = directory_mode, .inode = make_net_devices}};
constexpr Items virtual_devices{virtual_list};
constexpr Item devices_list[] = {directory("system", &system), directory("virtual", &virtual_devices)};
constexpr Items devices{devices_list};

constexpr Item huge_list[] = {
    text("enabled", print_huge_pages),
    text("shmem_enabled", print_shared_huge_pages),
    text("hpage_pmd_size", print_huge_size),
};
constexpr Items huge{huge_list};
constexpr Item mm_list[] = {directory("transparent_hugepage", &huge)};
constexpr Items mm{mm_list};
constexpr Item kernel_list[] = {directory("mm", &mm)};
constexpr Items kernel{kernel_list};
constexpr Item fs_list[] = {directory("cgroup")};
constexpr Items fs{fs_list};

constexpr Item class_list[] = {{.name = "net", .mode = directory_mode, .inode = make_net_class}};
constexpr Items classes{class_list};

constexpr Item root_list[] = {
    directory("block"),           directory("bus"),
    directory("class", &classes), directory("dev"),
    directory("firmware"),        directory("fs", &fs),
    directory("module"),          directory("power"),
    directory("kernel", &kernel), directory("devices", &devices),
};
constexpr Items root{root_list};
constexpr pseudo::Superblock::Kind kind{"sysfs", SYSFS_MAGIC, page_size, directory_mode, root};
} // namespace

constinit const vfs::FilesystemType type{.name = "sysfs", .mountable_in_container = true, .mount = pseudo::mount<kind>};
} // namespace sysfs
