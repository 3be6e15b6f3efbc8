// The directory of a process, and of a thread.
#include "core/alloc/fail.h"
#include "fs/proc/items.h"
#include "kernel/file/current.h"
#include "kernel/process/tree.h"
#include "lib/numbers.h"
#include <linux/capability.h>
#include <linux/stat.h>

namespace proc {
Ref<AddressSpace> space_of(Task& t) { return t.share(&Task::space); }
Ref<FileTable> files_of(Task& t) { return t.share(&Task::files); }
Ref<vfs::FsContext> fs_of(Task& t) { return t.share(&Task::fs); }
Ref<vfs::MountTree> mounts_of(Task& t) { return t.share(&Task::mounts); }

namespace {
void print_comm(Writer& out, const Context& c) { print(out, "{}\n", c.task->name.view()); }
Result<> store_comm(std::string_view text, const Context& c) {
    if (&Task::current().process() != c.process.get()) return err::inval;
    c.task->name.assign(text);
    return {};
}
void print_wchan(Writer& out, const Context&) { out.write("0"); }
void print_cgroup(Writer& out, const Context&) { out.write("0::/\n"); }
void print_login_user(Writer& out, const Context& c) {
    u32 id = c.task->login_user;
    auto reader = Task::current().credentials_ref();
    print(out, "{}", id == ids::none || !reader || !reader->users ? id : reader->users->id_of(Kuid{id}));
}
/// One's own only; who has logged in once stays that, but for the right to change it.
Result<> store_login_user(std::string_view text, const Context& c) {
    static constinit std::atomic<u32> sessions = 0;
    Task& self = Task::current();
    if (&self != c.task.get()) return err::perm;
    u32 id = TRY(parse_number<u32>(text));
    if (id != ids::none) id = static_cast<u32>(TRY(self.credentials().kuid(id)));
    if (self.login_user != ids::none && !self.credentials().can_everywhere(CAP_AUDIT_CONTROL)) return err::perm;
    self.login_session = id == ids::none ? ids::none : sessions.fetch_add(1, std::memory_order_relaxed) + 1;
    self.login_user = id;
    return {};
}
void print_login_session(Writer& out, const Context& c) { print(out, "{}", c.task->login_session.load()); }
void print_same_ids(Writer& out, const Context&) { out.write("         0          0 4294967295\n"); }
/// What the IDs stand for in the reader's namespace, or if that is this one, in the machine's.
template <class KernelId, const IdMap& (UserNamespace::*Map)() const>
void print_id_map(Writer& out, const Context& c) {
    const UserNamespace &of = *c.process->view().users, &reader = *reader_view(c).users;
    if (!of.has_maps()) return print_same_ids(out, c);
    for (const IdMap::Extent& e : (of.*Map)().extents()) {
        u32 outside = &of == &reader ? e.outside : reader.id_of(KernelId{e.outside});
        print(out, "{:>10} {:>10} {:>10}\n", e.inside, outside, e.count);
    }
}
/// A map that is there stays.
Result<> store_id_map(std::string_view, const Context&) { return err::perm; }
void print_cpuset(Writer& out, const Context&) { out.write("/\n"); }
void print_setgroups(Writer& out, const Context&) { out.write("allow\n"); }
/// Too late for "deny": the groups have their map.
Result<> store_setgroups(std::string_view text, const Context&) {
    return text == "allow" ? Result<>{} : text == "deny" ? err::perm : err::inval;
}
void print_time_offsets(Writer& out, const Context& c) {
    constexpr i64 second = static_cast<i64>(clocks::ns_per_second);
    const clocks::Offsets& ahead = c.process->view().time->offsets;
    auto line = [&](std::string_view clock, i64 ns) {
        i64 seconds = ns / second - (ns % second < 0);
        print(out, "{:<10} {:>10} {:>9}\n", clock, seconds, ns - seconds * second);
    };
    line("monotonic", ahead.monotonic);
    line("boottime", ahead.boottime);
}
/// Once a namespace has tasks, its clocks stay.
Result<> store_time_offsets(std::string_view, const Context&) {
    return Task::current().credentials().can(CAP_SYS_TIME) ? err::acces : err::perm;
}
void print_coredump_filter(Writer& out, const Context& c) { print(out, "{:08x}\n", c.process->coredump_filter.load()); }
Result<> store_coredump_filter(std::string_view text, const Context& c) {
    constexpr u32 known = 0x1ff; // core(5)
    bool hexadecimal = text.starts_with("0x");
    c.process->coredump_filter =
        TRY(parse_number<u32>(hexadecimal ? text.substr(2) : text, hexadecimal ? 16 : 10)) & known;
    return {};
}
Result<> may_change_slack(const Context& c) {
    Task& current = Task::current();
    if (c.task.get() == &current) return {};
    auto it = c.task->credentials_ref();
    return current.credentials().can_in(it ? it->users.get() : nullptr, CAP_SYS_NICE) ? Result<>{} : err::perm;
}
Result<> print_timer_slack(Writer& out, const Context& c) {
    TRY(may_change_slack(c));
    return print(out, "{}\n", c.task->timer_slack_ns), Result<>{};
}
Result<> store_timer_slack(std::string_view text, const Context& c) {
    TRY(may_change_slack(c));
    u64 ns = TRY(parse_number<u64>(text));
    c.task->timer_slack_ns = ns ? ns : c.task->default_timer_slack_ns;
    return {};
}
/// The children that the thread made, and that are still there.
void print_children(Writer& out, const Context& c) {
    for (Pid from = 1;;) {
        auto next = process::next(c.pids(), from);
        if (!next) return;
        Process& candidate = **next;
        from = candidate.pid(c.pids()) + 1;
        bool its;
        {
            process::TreeLock tree;
            its = candidate.kin(tree).parent == c.process.get() && process::is_child_of(candidate, *c.task, tree);
        }
        if (its) print(out, "{} ", from - 1);
    }
}
void print_personality(Writer& out, const Context& c) { print(out, "{:08x}\n", c.task->personality); }

Result<vfs::Path> place_exe(const Context& c) {
    auto file = space_of(*c.task) ? c.process->executable() : nullptr; // it is the memory's
    if (!file || !file->path()) return err::noent;
    return *file->path();
}
Result<vfs::Path> place_cwd(const Context& c) {
    auto fs = fs_of(*c.task);
    return fs ? Result<vfs::Path>{fs->cwd()} : Result<vfs::Path>{err::noent};
}
Result<vfs::Path> place_root(const Context& c) {
    auto fs = fs_of(*c.task);
    return fs ? Result<vfs::Path>{fs->root()} : Result<vfs::Path>{err::noent};
}
Result<Ref<vfs::Inode>> make_task_directory(vfs::Superblock&, const Context&, u64 number);

#if RUNDLET_CHECK
/// Reading disarms: what the reader allocates is not to fail.
void print_failure(Writer& out, const Context&) {
    u32 left = failures::left();
    failures::set(0);
    print(out, "{}\n", left);
}
Result<> store_failure(std::string_view text, const Context& c) {
    if (c.task.get() != &Task::current()) return err::perm;
    return failures::set(TRY(parse_number<u32>(text))), Result<>{};
}
#endif

/// Of the memory that there is when it is opened.
Result<Ref<File>> open_memory(const vfs::Path& path, u32 flags, const Item& item, const Context& c) {
    return space_of(*c.task) ? pseudo::open_text<pseudo::TextFile>(path, flags, item, c) : err::srch;
}

constexpr u32 text = S_IFREG | 0444, secret = S_IFREG | 0400, link = S_IFLNK | 0777, directory_mode = S_IFDIR | 0555;

enum class NamespaceKind : u8 { time, cgroup, pid, user, uts, ipc, mnt, net };
constexpr std::string_view kind_names[] = {"time", "cgroup", "pid", "user", "uts", "ipc", "mnt", "net"};

u64 namespace_number(Process& process, NamespaceKind kind, const vfs::MountTree* mounts) {
    const View& view = process.view();
    switch (kind) {
    case NamespaceKind::time: return view.time->number;
    case NamespaceKind::cgroup: return view.cgroup->number;
    case NamespaceKind::pid: return process.pids().number;
    case NamespaceKind::user: return view.users->number;
    case NamespaceKind::uts: return view.uts->number;
    case NamespaceKind::ipc: return view.ipc->number;
    case NamespaceKind::mnt: return mounts->number;
    case NamespaceKind::net: return view.network->number;
    }
}

/// "pid:[4026531836]". `lasting`: known of a thread that has ended, too.
template <NamespaceKind kind, bool lasting = false>
constexpr Item namespace_item(std::string_view name) {
    return {.name = name,
            .mode = link,
            .target = [](const Context& c) -> Result<String> {
                auto mounts = mounts_of(*c.task);
                if (!lasting && !mounts) return err::noent;
                char text[40];
                BufferWriter out{text};
                print(out, "{}:[{}]", kind_names[static_cast<u8>(kind)],
                      namespace_number(*c.process, kind, mounts.get()));
                return String::create(out.text());
            },
            .restricted = true};
}
constexpr Item namespace_list[] = {
    namespace_item<NamespaceKind::cgroup>("cgroup"),   namespace_item<NamespaceKind::ipc>("ipc"),
    namespace_item<NamespaceKind::mnt>("mnt"),         namespace_item<NamespaceKind::net>("net"),
    namespace_item<NamespaceKind::pid, true>("pid"),   namespace_item<NamespaceKind::pid>("pid_for_children"),
    namespace_item<NamespaceKind::time>("time"),       namespace_item<NamespaceKind::time>("time_for_children"),
    namespace_item<NamespaceKind::user, true>("user"), namespace_item<NamespaceKind::uts>("uts"),
};
constexpr Items namespace_items{namespace_list};

constexpr Item common_list[] = {
    {.name = "status", .mode = text, .try_print = print_status},
    {.name = "statm", .mode = text, .print = print_statm},
    {.name = "cmdline", .mode = text, .print_record = print_cmdline},
    {.name = "comm", .mode = S_IFREG | 0644, .print = print_comm, .store = store_comm},
    {.name = "maps", .mode = text, .print_record = print_maps, .restricted = true},
    {.name = "environ",
     .mode = secret,
     .print_record = print_environ,
     .open = open_memory,
     .restricted = true,
     .lasting = true},
    {.name = "exe", .mode = link, .place = place_exe, .restricted = true},
    {.name = "cwd", .mode = link, .place = place_cwd, .restricted = true},
    {.name = "root", .mode = link, .place = place_root, .restricted = true},
    {.name = "fd", .mode = S_IFDIR | 0500, .inode = make_fd_directory},
    {.name = "fdinfo", .mode = directory_mode, .inode = make_fdinfo_directory},
    {.name = "mounts",
     .mode = text,
     .try_print = print_mount_table,
     .open = open_mounts,
     .at_open = true,
     .lasting = true},
    {.name = "mountinfo",
     .mode = text,
     .try_print = print_mountinfo,
     .open = open_mounts,
     .at_open = true,
     .lasting = true},
    {.name = "limits", .mode = text, .print = print_limits},
    {.name = "oom_score", .mode = text, .print = print_oom_score},
    {.name = "oom_score_adj", .mode = S_IFREG | 0644, .print = print_oom_adjustment, .store = store_oom_adjustment},
    {.name = "auxv", .mode = secret, .print = print_auxv, .open = open_memory, .restricted = true, .lasting = true},
    {.name = "smaps", .mode = text, .print_record = print_smaps, .restricted = true},
    {.name = "smaps_rollup",
     .mode = text,
     .try_print = print_smaps_rollup,
     .open = open_memory,
     .restricted = true,
     .lasting = true},
    {.name = "mem", .mode = S_IFREG | 0600, .inode = make_memory_inode},
    {.name = "ns", .mode = S_IFDIR | 0511, .children = &namespace_items},
    {.name = "net", .mode = directory_mode, .children = &net_items},
    {.name = "wchan", .mode = text, .print = print_wchan},
    {.name = "cgroup", .mode = text, .print = print_cgroup},
    {.name = "loginuid", .mode = S_IFREG | 0644, .print = print_login_user, .store = store_login_user},
    {.name = "sessionid", .mode = text, .print = print_login_session},
    {.name = "uid_map",
     .mode = S_IFREG | 0644,
     .print = print_id_map<Kuid, &UserNamespace::uids>,
     .store = store_id_map},
    {.name = "gid_map",
     .mode = S_IFREG | 0644,
     .print = print_id_map<Kgid, &UserNamespace::gids>,
     .store = store_id_map},
    {.name = "projid_map", .mode = S_IFREG | 0644, .print = print_same_ids, .store = store_id_map},
    {.name = "setgroups", .mode = S_IFREG | 0644, .print = print_setgroups, .store = store_setgroups},
    {.name = "cpuset", .mode = text, .print = print_cpuset},
    {.name = "oom_adj", .mode = S_IFREG | 0644, .print = print_old_oom_adjustment, .store = store_old_oom_adjustment},
    {.name = "personality", .mode = secret, .print = print_personality, .restricted = true},
    {.name = "schedstat", .mode = text, .print = print_schedstat},
};
constexpr Item process_list[] = {
#if RUNDLET_CHECK
    {.name = "fail-nth", .mode = S_IFREG | 0644, .print = print_failure, .store = store_failure},
#endif
    {.name = "stat", .mode = text, .print = print_stat},
    {.name = "io", .mode = secret, .print = print_io, .restricted = true},
    {.name = "coredump_filter", .mode = S_IFREG | 0644, .print = print_coredump_filter, .store = store_coredump_filter},
    {.name = "timerslack_ns", .mode = S_IFREG | 0666, .try_print = print_timer_slack, .store = store_timer_slack},
    {.name = "timens_offsets", .mode = S_IFREG | 0644, .print = print_time_offsets, .store = store_time_offsets},
    {.name = "task", .mode = directory_mode, .inode = make_task_directory},
};
constexpr Item thread_list[] = {
    {.name = "stat", .mode = text, .print = print_thread_stat},
    {.name = "io", .mode = secret, .print = print_thread_io, .restricted = true},
    {.name = "children", .mode = text, .print = print_children},
};

constexpr auto process_items = pseudo::join(common_list, process_list);
constexpr auto thread_items = pseudo::join(common_list, thread_list);
static_assert(process_items.size() < 64, "item_number() has room for 64");

class ProcessDirectory final : public pseudo::ItemDirectory {
public:
    ProcessDirectory(vfs::Superblock& sb, u64 number, Context c)
        : ItemDirectory{sb, number, directory_mode, std::move(c), process_items} {}
    Process* described_process() override { return context_.process.get(); }
};

/// /proc/pid/task: the threads.
class TaskDirectory final : public pseudo::NumberDirectory {
public:
    TaskDirectory(vfs::Superblock& sb, const Context& c, u64 number)
        : NumberDirectory{sb, number, directory_mode, c, {}} {}

private:
    Result<Ref<vfs::Inode>> find(u32 tid) override {
        auto task = tid <= u32{pid_max} ? process::find_task(context_.pids(), static_cast<Pid>(tid)) : err::noent;
        if (!task || &(*task)->process() != context_.process.get()) return err::noent;
        Context c{context_.view, context_.process, *task};
        return TRY(make_ref<ItemDirectory>(superblock(), entry(tid).inode, directory_mode, std::move(c), thread_items));
    }
    Result<u32> next(u32 from) override {
        auto task =
            TRY(process::thread_after(*context_.process, context_.pids(), static_cast<Pid>(from ? from - 1 : 0)));
        return static_cast<u32>(task->tid(context_.pids()));
    }
    Entry entry(u32 tid) const override { return {process_number(static_cast<Pid>(tid)) + (u64{1} << 31)}; }
    u32 link_count() const override { return 2 + threads_of(*context_.process); }
};
Result<Ref<vfs::Inode>> make_task_directory(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<TaskDirectory>(sb, c, number));
}
} // namespace

Result<Ref<vfs::Inode>> make_process_directory(vfs::Superblock& sb, View& view, Pid pid) {
    auto task = process::find_task(*view.pids, pid);
    if (!task) return err::noent;
    auto process = Ref<Process>::share(&(*task)->process());
    Context c{Ref<View>::share(&view), std::move(process), *task};
    if (c.process->pid(*view.pids) == pid)
        return TRY(make_ref<ProcessDirectory>(sb, process_number(pid), std::move(c)));
    // A thread's number works too, unlisted.
    return TRY(make_ref<pseudo::ItemDirectory>(sb, process_number(pid), directory_mode, std::move(c), process_items));
}
} // namespace proc
