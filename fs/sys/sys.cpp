#include "fs/sys/sys.h"
#include "core/sched/thread.h"
#include "core/time/clock.h"
#include <bit>
#include <linux/magic.h>
#include <linux/stat.h>

namespace sysfs {
namespace {
/// All CPUs run from boot on, and none joins later.
void print_cpus(Writer& out) {
    int n = std::popcount(sched::online_cpus());
    if (n > 1)
        print(out, "0-{}\n", n - 1);
    else
        out.write("0\n");
}
void print_last_cpu(Writer& out) { print(out, "{}\n", std::popcount(sched::online_cpus()) - 1); }

/// The whole tree: parents before children. Without a printer: a directory.
struct Node {
    u32 parent;
    std::string_view name;
    void (*text)(Writer&) = nullptr;
};
constexpr Node nodes[] = {
    {0, ""},
    {0, "block"},
    {0, "bus"},
    {0, "class"},
    {0, "dev"},
    {0, "devices"},
    {0, "firmware"},
    {0, "fs"},
    {0, "kernel"},
    {0, "module"},
    {0, "power"},
    {5, "system"},
    {11, "cpu"},
    {12, "online", print_cpus},
    {12, "present", print_cpus},
    {12, "possible", print_cpus},
    {12, "kernel_max", print_last_cpu},
    {7, "cgroup"},
};
constexpr u32 node_count = std::size(nodes);
constexpr u64 number_of(u32 node) { return node + 1; }

class Superblock final : public vfs::Superblock {
public:
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {.type = SYSFS_MAGIC}; }
    std::string_view type_name() const override { return "sysfs"; }
    const i64 mounted_ns = clocks::realtime_ns();
};

class Inode final : public vfs::Inode {
public:
    Inode(Superblock& of, u32 node)
        : vfs::Inode{of, number_of(node), nodes[node].text ? static_cast<u32>(S_IFREG) : static_cast<u32>(S_IFDIR)},
          of_{of},
          node_{node} {}
    vfs::Attributes attributes() override {
        vfs::Attributes a;
        a.number = number();
        a.mode = is_directory() ? S_IFDIR | 0755 : S_IFREG | 0444;
        a.size = is_directory() ? 0 : page_size;
        if (is_directory()) {
            a.links = 2;
            for (u32 i = 1; i < node_count; i++) a.links += nodes[i].parent == node_ && !nodes[i].text;
        }
        constexpr i64 second = clocks::ns_per_second;
        a.access = a.modification = a.change =
            a.birth = {of_.mounted_ns / second, static_cast<u32>(of_.mounted_ns % second)};
        return a;
    }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
        for (u32 i = 1; i < node_count; i++)
            if (nodes[i].parent == node_ && nodes[i].name == name) return TRY(make_ref<Inode>(of_, i));
        return err::noent;
    }
    Result<> read_directory(DirectorySink& to, u64* at) override {
        constexpr unsigned directory = 4, regular = 8; // DT_DIR, DT_REG
        for (u64 i = *at < 3 ? 1 : *at - 2; i < node_count; i++) {
            if (nodes[i].parent != node_) continue;
            if (!to.entry(nodes[i].name, number_of(static_cast<u32>(i)), nodes[i].text ? regular : directory, i + 3))
                return {};
            *at = i + 3;
        }
        return {};
    }
    Result<usize> read_at(Sink& to, u64 offset) override {
        char text[256];
        BufferWriter out{text};
        nodes[node_].text(out);
        if (offset >= out.text().size()) return 0;
        return to.put(std::as_bytes(std::span{out.text().substr(offset)}));
    }

private:
    Superblock& of_;
    const u32 node_;
};

Result<Ref<vfs::Inode>> Superblock::root() { return TRY(make_ref<Inode>(*this, 0u)); }
Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest&) { return TRY(make_ref<Superblock>()); }
} // namespace

constinit const vfs::FilesystemType type{.name = "sysfs", .mountable_in_container = true, .mount = mount};
} // namespace sysfs
