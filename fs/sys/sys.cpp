#include "fs/sys/sys.h"
#include "core/alloc/frame.h"
#include "core/cpu/online.h"
#include "kernel/process/task.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/operations.h"
#include <bit>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

namespace sysfs {
namespace {
/// All CPUs run from boot on, and none joins later.
unsigned cpus() { return static_cast<unsigned>(std::popcount(online_cpus())); }
void print_cpus(Writer& out, unsigned) {
    if (cpus() > 1)
        print(out, "0-{}\n", cpus() - 1);
    else
        out.write("0\n");
}
void print_cpu_mask(Writer& out, unsigned) { print(out, "{:x}\n", online_cpus()); }
void print_last_cpu(Writer& out, unsigned) { print(out, "{}\n", cpus() - 1); }
void print_empty(Writer& out, unsigned) { out.write("\n"); }
void print_zero(Writer& out, unsigned) { out.write("0\n"); }

// Each CPU counts as a core with one thread, all in one package.
void print_own_number(Writer& out, unsigned cpu) { print(out, "{}\n", cpu); }
void print_own_mask(Writer& out, unsigned cpu) { print(out, "{:x}\n", u64{1} << cpu); }

// All memory is one node. A container sees its limit as the machine's memory, as in /proc/meminfo.
void print_node_memory(Writer& out, unsigned) {
    mm::MemoryInfo m = mm::memory_info();
    u64 total = m.total, free = m.free;
    if (MemoryAccount& account = Task::current().view().account(); account.limit() < total) {
        total = account.limit();
        free = account.used() < total ? total - account.used() : 0;
    }
    print(out, "Node 0 MemTotal:       {:>8} kB\nNode 0 MemFree:        {:>8} kB\nNode 0 MemUsed:        {:>8} kB\n",
          total / KiB, free / KiB, (total - free) / KiB);
}
void print_distance(Writer& out, unsigned) { out.write("10\n"); }

// Private anonymous memory gets pages of 2 MiB unless it is told not to; no other memory does.
void print_huge_pages(Writer& out, unsigned) { out.write("[always] madvise never\n"); }
void print_shared_huge_pages(Writer& out, unsigned) { out.write("always within_size advise [never] deny force\n"); }
void print_huge_size(Writer& out, unsigned) { print(out, "{}\n", 2 * MiB); }

/// The whole tree: parents before children. Without a printer: a directory.
struct Node {
    u32 parent;
    std::string_view name;
    void (*text)(Writer&, unsigned cpu) = nullptr;
    bool each_cpu = false; // a directory that is there once for each CPU, which its number follows in the name
};
constexpr Node nodes[] = {
    {0, ""},
    {0, "block"},
    {0, "bus"},
    {0, "class"},
    {0, "dev"},
    {0, "devices"}, // 5
    {0, "firmware"},
    {0, "fs"},     // 7
    {0, "kernel"}, // 8
    {0, "module"},
    {0, "power"},
    {5, "system"}, // 11
    {11, "cpu"},   // 12
    {12, "online", print_cpus},
    {12, "present", print_cpus},
    {12, "possible", print_cpus},
    {12, "offline", print_empty},
    {12, "isolated", print_empty},
    {12, "kernel_max", print_last_cpu},
    {12, "cpu", nullptr, true}, // 19
    {19, "topology"},           // 20
    {20, "physical_package_id", print_zero},
    {20, "die_id", print_zero},
    {20, "core_id", print_own_number},
    {20, "thread_siblings", print_own_mask},
    {20, "thread_siblings_list", print_own_number},
    {20, "core_cpus", print_own_mask},
    {20, "core_cpus_list", print_own_number},
    {20, "core_siblings", print_cpu_mask},
    {20, "core_siblings_list", print_cpus},
    {20, "package_cpus", print_cpu_mask},
    {20, "package_cpus_list", print_cpus},
    {11, "node"}, // 32
    {32, "online", print_zero},
    {32, "possible", print_zero},
    {32, "has_cpu", print_zero},
    {32, "has_memory", print_zero},
    {32, "has_normal_memory", print_zero},
    {32, "node0"}, // 38
    {38, "cpulist", print_cpus},
    {38, "cpumap", print_cpu_mask},
    {38, "distance", print_distance},
    {38, "meminfo", print_node_memory},
    {7, "cgroup"},
    {8, "mm"},                    // 44
    {44, "transparent_hugepage"}, // 45
    {45, "enabled", print_huge_pages},
    {45, "shmem_enabled", print_shared_huge_pages},
    {45, "hpage_pmd_size", print_huge_size},
};
constexpr u32 node_count = std::size(nodes);
static_assert(nodes[12].name == "cpu" && nodes[19].each_cpu && nodes[20].name == "topology" &&
              nodes[32].name == "node" && nodes[38].name == "node0" && nodes[44].name == "mm" &&
              nodes[45].name == "transparent_hugepage");

/// A node, and the CPU that it is about.
struct Place {
    u32 node;
    unsigned cpu = 0;
    u64 number() const { return u64{cpu} * node_count + node + 1; }
};
/// The places below one, in order: calls f(place, name) until it says stop. `from`: how many to pass over.
void for_each_below(Place at, u64 from, auto f) {
    u64 position = 0;
    for (u32 i = 1; i < node_count; i++) {
        if (nodes[i].parent != at.node) continue;
        unsigned copies = nodes[i].each_cpu ? cpus() : 1;
        for (unsigned n = 0; n < copies; n++) {
            if (position++ < from) continue;
            char text[32];
            BufferWriter name{text};
            name.write(nodes[i].name);
            if (nodes[i].each_cpu) print(name, "{}", n);
            if (!f(Place{i, nodes[i].each_cpu ? n : at.cpu}, name.text())) return;
        }
    }
}

class Superblock final : public vfs::Superblock {
public:
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {.type = SYSFS_MAGIC}; }
    std::string_view type_name() const override { return "sysfs"; }
    const vfs::Timestamp mounted = vfs::now();
};

/// An open text, made anew at each read.
class TextFile final : public vfs::PlacedFile {
public:
    TextFile(const vfs::Path& path, u32 file_flags, Place place) : PlacedFile{path, file_flags}, of_{place} {}
    bool seekable() const override { return true; }
    Result<usize> read(Sink& to, u64* at) override {
        char text[256];
        BufferWriter out{text};
        nodes[of_.node].text(out, of_.cpu);
        if (*at >= out.text().size()) return 0;
        usize n = TRY(to.put(std::as_bytes(std::span{out.text().substr(*at)})));
        *at += n;
        return n;
    }
    Result<u64> seek(u64 at, i64 offset, int whence) override {
        i64 base = whence == SEEK_CUR ? static_cast<i64>(at) : whence == SEEK_END ? i64{page_size} : 0, to;
        bool known = whence == SEEK_SET || whence == SEEK_CUR || whence == SEEK_END;
        if (!known || __builtin_add_overflow(base, offset, &to) || to < 0) return err::inval;
        return static_cast<u64>(to);
    }
    Result<> sync(const SyncRange&) override { return {}; }

private:
    const Place of_;
};

class Inode : public vfs::Inode {
public:
    Inode(Superblock& of, Place place, u32 mode)
        : vfs::Inode{of, place.number(), mode}, of_{of}, place_{place}, mode_{mode} {}
    vfs::Attributes attributes() override {
        vfs::Attributes a;
        a.number = number();
        a.mode = mode_;
        a.size = is_directory() ? 0 : page_size;
        if (is_directory()) {
            a.links = 2;
            for_each_below(place_, 0, [&](Place p, std::string_view) {
                a.links += !nodes[p.node].text;
                return true;
            });
        }
        a.access = a.modification = a.change = a.birth = of_.mounted;
        return a;
    }

protected:
    Superblock& of_;
    const Place place_;
    const u32 mode_;
};

class Text final : public Inode {
public:
    Text(Superblock& of, Place place) : Inode{of, place, S_IFREG | 0444} {}
    Result<Ref<File>> open(const vfs::Path& path, u32 flags) override {
        return TRY(make_ref<TextFile>(path, flags, place_));
    }
};

class Directory final : public Inode, public vfs::Directory {
public:
    Directory(Superblock& of, Place place) : Inode{of, place, S_IFDIR | 0755} {}
    vfs::Directory* directory() override { return this; }
    Result<Ref<vfs::Inode>> lookup(std::string_view wanted) override {
        Place found{0};
        for_each_below(place_, 0, [&](Place p, std::string_view name) {
            if (name == wanted) found = p;
            return found.node == 0;
        });
        if (!found.node) return err::noent;
        if (nodes[found.node].text) return TRY(make_ref<Text>(of_, found));
        return TRY(make_ref<Directory>(of_, found));
    }
    Result<> read(DirectorySink& to, u64* at) override {
        u64 next = *at < 2 ? 2 : *at; // behind . and ..
        for_each_below(place_, next - 2, [&](Place p, std::string_view name) {
            unsigned type = file::entry_type(nodes[p.node].text ? S_IFREG : S_IFDIR);
            if (!to.entry(name, p.number(), type, next + 1)) return false;
            *at = ++next;
            return true;
        });
        return {};
    }
};

Result<Ref<vfs::Inode>> Superblock::root() { return TRY(make_ref<Directory>(*this, Place{0})); }
Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest&) { return TRY(make_ref<Superblock>()); }
} // namespace

constinit const vfs::FilesystemType type{.name = "sysfs", .mountable_in_container = true, .mount = mount};
} // namespace sysfs
