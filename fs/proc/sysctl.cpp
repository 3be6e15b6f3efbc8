// The settings below /proc/sys. One that cannot be changed here has mode 0444.
#include "core/rng/rng.h"
#include "fs/proc/items.h"
#include "kernel/file/current.h"
#include "kernel/ipc/sysv/namespace.h"
#include "kernel/vfs/settings.h"
#include "kernel/views/release.h"
#include "lib/numbers.h"
#include <linux/capability.h>
#include <linux/eventpoll.h>

namespace proc {
namespace {
constexpr u64 most_files = ~u64{0} >> 1;
constexpr u32 text = S_IFREG | 0444, setting = S_IFREG | 0644, directory = S_IFDIR | 0555;

template <auto value>
void print_value(Writer& out, const Context&) {
    print(out, "{}\n", value);
}
void print_ostype(Writer& out, const Context&) { print(out, "{}\n", release::system); }
void print_osrelease(Writer& out, const Context&) { print(out, "{}\n", release::release); }
void print_osversion(Writer& out, const Context&) { print(out, "{}\n", release::version); }
void print_hostname(Writer& out, const Context& c) {
    auto host = c.view->uts->names.lock()->host;
    print(out, "{}\n", host.view());
}
void print_domainname(Writer& out, const Context& c) {
    auto domain = c.view->uts->names.lock()->domain;
    print(out, "{}\n", domain.view());
}
/// hostname and domainname: a change since the last look is told once.
class NameFile final : public pseudo::TextFile {
public:
    NameFile(const vfs::Path& path, u32 file_flags, const Item& item, const Context& context,
             std::atomic<u32> UtsNamespace::* changes)
        : TextFile{path, file_flags, item, context},
          names_{context.view->uts},
          count_{(*names_).*changes},
          seen_{count_.load()} {}
    u32 poll() override {
        u32 now = count_.load(std::memory_order_acquire);
        if (seen_.exchange(now) == now) return TextFile::poll();
        return EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLPRI;
    }
    WaitQueue& changed() override { return names_->changed; }

private:
    const Ref<UtsNamespace> names_;
    const std::atomic<u32>& count_;
    std::atomic<u32> seen_;
};
template <std::atomic<u32> UtsNamespace::* changes>
Result<Ref<File>> open_name(const vfs::Path& path, u32 flags, const Item& item, const Context& c) {
    return pseudo::open_text<NameFile>(path, flags, item, c, changes);
}
Result<> may_set(const UtsNamespace& names) {
    auto* who = file::credentials();
    return !who || who->can_in(names.owner.get(), CAP_SYS_ADMIN) ? Result<>{} : Result<>{err::perm};
}
Result<> store_hostname(std::string_view s, const Context& c) {
    TRY(may_set(*c.view->uts));
    if (s.size() > 64) return err::inval;
    c.view->uts->set_host(s);
    return {};
}
Result<> store_domainname(std::string_view s, const Context& c) {
    TRY(may_set(*c.view->uts));
    if (s.size() > 64) return err::inval;
    c.view->uts->set_domain(s);
    return {};
}

/// A limit of the view's System V objects.
template <std::atomic<u64> sysv::Settings::* which>
void print_ipc_limit(Writer& out, const Context& c) {
    sysv::Settings initial;
    auto* objects = sysv::Namespace::find(*c.view->ipc);
    print(out, "{}\n", ((objects ? objects->settings : initial).*which).load());
}
template <std::atomic<u64> sysv::Settings::* which, u64 most>
Result<> store_ipc_limit(std::string_view s, const Context& c) {
    auto wanted = parse_number<u64>(s);
    if (!wanted || *wanted > most) return err::inval;
    if (auto* who = file::credentials(); who && !who->can_in(c.view->ipc->owner.get(), CAP_SYS_RESOURCE))
        return err::perm;
    TRY(sysv::Namespace::in(*c.view->ipc))->settings.*which = *wanted;
    return {};
}
template <std::atomic<u64> sysv::Settings::* which, u64 most>
constexpr Item ipc_limit(std::string_view name) {
    return {.name = name, .mode = setting, .print = print_ipc_limit<which>, .store = store_ipc_limit<which, most>};
}

template <auto table>
void print_next_id(Writer& out, const Context& c) {
    auto* objects = sysv::Namespace::find(*c.view->ipc);
    print(out, "{}\n", objects ? (objects->*table).next_id.load() : -1);
}
template <auto table>
Result<> store_next_id(std::string_view s, const Context& c) {
    auto wanted = parse_number<u32>(s);
    if (!wanted || *wanted > 0x7fff'ffff) return err::inval;
    auto* who = file::credentials();
    const auto* owner = c.view->ipc->owner.get();
    if (who && !who->can_in(owner, CAP_CHECKPOINT_RESTORE) && !who->can_in(owner, CAP_SYS_ADMIN)) return err::perm;
    (TRY(sysv::Namespace::in(*c.view->ipc))->*table).next_id = static_cast<int>(*wanted);
    return {};
}
template <auto table>
constexpr Item next_id(std::string_view name) {
    return {.name = name, .mode = setting, .print = print_next_id<table>, .store = store_next_id<table>};
}

void print_uuid(Writer& out, std::span<std::byte, 16> b) {
    b[6] = (b[6] & std::byte{0x0f}) | std::byte{0x40}; // RFC 9562: version 4, variant 1
    b[8] = (b[8] & std::byte{0x3f}) | std::byte{0x80};
    for (usize i = 0; i < 16; i++)
        print(out, "{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", static_cast<u8>(b[i]));
    out.write("\n");
}
void print_random_uuid(Writer& out, const Context&) {
    std::byte bytes[16];
    rng::fill(bytes);
    print_uuid(out, bytes);
}
void print_boot_id(Writer& out, const Context&) {
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
}
void print_dentry_state(Writer& out, const Context&) {
    vfs::CacheUse use = vfs::cache_use();
    print(out, "{}\t{}\t45\t0\t0\t0\n", use.entries, use.unused);
}
/// Allocated, free (always 0), and how many there may be.
void print_file_count(Writer& out, const Context&) { print(out, "{}\t0\t{}\n", File::count.sum(), most_files); }
void print_inode_count(Writer& out, const Context&) { print(out, "{}\t0\n", vfs::Inode::count.sum()); }
void print_core_pattern(Writer& out, const Context&) { out.write("core\n"); }
void print_semaphore_limits(Writer& out, const Context&) {
    using S = sysv::Settings;
    print(out, "{}\t{}\t{}\t{}\n", S::semmsl, S::semmns, S::semopm, S::semmni);
}
void print_printk(Writer& out, const Context&) { out.write("4\t4\t1\t7\n"); }

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
     .open = open_name<&UtsNamespace::host_changes>},
    {.name = "domainname",
     .mode = setting,
     .print = print_domainname,
     .store = store_domainname,
     .open = open_name<&UtsNamespace::domain_changes>},
    ipc_limit<&sysv::Settings::msgmax, 0x7fff'ffff>("msgmax"),
    ipc_limit<&sysv::Settings::msgmnb, 0x7fff'ffff>("msgmnb"),
    ipc_limit<&sysv::Settings::msgmni, sysv::Places::most>("msgmni"),
    ipc_limit<&sysv::Settings::shmmax, ~u64{0}>("shmmax"),
    ipc_limit<&sysv::Settings::shmall, ~u64{0}>("shmall"),
    ipc_limit<&sysv::Settings::shmmni, sysv::Places::most>("shmmni"),
    {.name = "sem", .mode = text, .print = print_semaphore_limits},
    next_id<&sysv::Namespace::queues>("msg_next_id"),
    next_id<&sysv::Namespace::semaphores>("sem_next_id"),
    next_id<&sysv::Namespace::segments>("shm_next_id"),
    {.name = "shm_rmid_forced", .mode = text, .print = print_value<0>},
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
void print_setting(Writer& out, const Context&) {
    print(out, "{}\n", (vfs::settings.*which).load(std::memory_order_relaxed));
}
template <auto which, u32 least, u32 most>
constexpr Item setting_of(std::string_view name, u32 mode) {
    return {.name = name, .mode = mode, .print = print_setting<which>, .store = store_setting<which, least, most>};
}
constexpr Item inotify_list[] = {
    setting_of<&vfs::Settings::inotify_instances, 0, ~0u / 2>("max_user_instances", setting),
    setting_of<&vfs::Settings::inotify_watches, 0, ~0u / 2>("max_user_watches", setting),
    setting_of<&vfs::Settings::inotify_events, 0, ~0u / 2>("max_queued_events", setting),
};
constexpr Items inotify_items{inotify_list};
constexpr Item fs_list[] = {
    {.name = "inotify", .mode = directory, .children = &inotify_items},
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
// How many a user may make: views are the containers' alone.
constexpr Item user_list[] = {
    {.name = "max_cgroup_namespaces", .mode = text, .print = print_value<0>},
    setting_of<&vfs::Settings::inotify_instances, 0, ~0u / 2>("max_inotify_instances", setting),
    setting_of<&vfs::Settings::inotify_watches, 0, ~0u / 2>("max_inotify_watches", setting),
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
    {.name = "net", .mode = directory, .children = &net_settings_items},
    {.name = "user", .mode = directory, .children = &user_items},
};
constexpr Items sys_items{sys_list};
} // namespace

Result<Ref<vfs::Inode>> make_sys_directory(vfs::Superblock& sb, const Context& above, u64 number) {
    Context c = above;
    c.sysctl = true;
    return TRY(make_ref<pseudo::ItemDirectory>(sb, number, directory, std::move(c), sys_items));
}
} // namespace proc
