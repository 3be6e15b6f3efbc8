// A process in numbers: status, stat, limits, io.
#include "core/cpu/online.h"
#include "fs/proc/items.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/file/current.h"
#include "kernel/process/tree.h"
#include <bit>

namespace proc {
namespace {
constexpr u64 ns_per_tick = 10'000'000; // USER_HZ is 100
constexpr unsigned kib_per_page = page_size / KiB;

char state_of(const Context& c) {
    ProcessState s = c.process->state();
    if (s == ProcessState::zombie) return 'Z';
    if (s == ProcessState::dead) return 'X';
    char letter = c.task->state_letter();
    return letter == 'X' ? 'Z' : letter; // the first thread, which stays until the process is reaped
}
std::string_view state_name(char letter) {
    switch (letter) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'D': return "disk sleep";
    case 'T': return "stopped";
    case 'Z': return "zombie";
    case 'X': return "dead";
    default: return "idle";
    }
}

struct Signals {
    SignalSet pending = 0, shared_pending = 0, blocked = 0, ignored = 0, caught = 0;
    bool dumps = false; // writes a core dump
    explicit Signals(const Context& c) {
        Ref<SignalHandlers> handlers;
        {
            auto hold = c.process->lock_signals();
            auto& own = c.task->signals(hold);
            auto& shared = c.process->signals(hold);
            pending = own.pending.set;
            shared_pending = shared.pending.set;
            blocked = own.blocked;
            handlers = shared.handlers;
            dumps = shared.dump.by != nullptr;
        }
        if (!handlers) return;
        auto actions = handlers->actions.lock();
        for (int n = 1; n <= signal_count; n++) {
            uptr handler = actions->of[n - 1].handler;
            if (handler == signals::handler_ignore)
                ignored |= signal_bit(n);
            else if (handler != 0)
                caught |= signal_bit(n);
        }
    }
};

void print_credentials(Writer& out, const Credentials& w, const UserNamespace& for_whom) {
    auto id = [&](auto kernels) { return for_whom.shown(kernels); };
    print(out, "Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\n", id(w.uid), id(w.euid), id(w.suid), id(w.fsuid),
          id(w.gid), id(w.egid), id(w.sgid), id(w.fsgid));
}
void print_memory_lines(Writer& out, const SpaceUsage& u) {
    struct {
        std::string_view name;
        u64 pages;
    } lines[] = {{"VmPeak", u.peak_total},
                 {"VmSize", u.total},
                 {"VmLck", u.locked},
                 {"VmPin", 0},
                 {"VmHWM", u.peak_resident},
                 {"VmRSS", u.resident},
                 {"RssAnon", u.anonymous},
                 {"RssFile", u.file},
                 {"RssShmem", u.shared},
                 {"VmData", u.data},
                 {"VmStk", u.stack},
                 {"VmExe", u.text},
                 {"VmLib", 0},
                 {"VmPTE", u.page_tables},
                 {"VmSwap", 0}};
    for (auto& l : lines) print(out, "{}:\t{:>8} kB\n", l.name, l.pages * kib_per_page);
}

/// A process's place in the tree, and stat's number of its terminal, with major in bits 8..15 and minor in the others,
/// and the foreground group of that.
struct Place {
    Pid group = 0, session = 0;
    int exit_signal;
    u32 terminal = 0;
    Pid foreground = -1;
};
Place place_of(Process& p, const PidNamespace& pids) {
    process::TreeLock tree;
    Kinship& kin = p.kin(tree);
    Place place{.exit_signal = kin.exit_signal};
    if (!kin.group) return place;
    Session& session = kin.group->session();
    place.group = kin.group->number_in(pids);
    place.session = session.number_in(pids);
    if (!session.terminal(tree)) return place;
    tty::Terminal& terminal = *tty::terminal_of(session.terminal(tree));
    place.terminal = static_cast<u32>(terminal.device());
    place.foreground = terminal.foreground_in(pids, tree);
    return place;
}

/// "0-2,5" for the bits 0, 1, 2 and 5.
void print_list(Writer& out, u64 bits) {
    for (bool first = true; bits; first = false) {
        int from = std::countr_zero(bits), length = std::countr_one(bits >> from);
        print(out, "{}{}", first ? "" : ",", from);
        if (length > 1) print(out, "-{}", from + length - 1);
        bits = from + length < 64 ? bits & ~u64{0} << (from + length) : 0;
    }
}

void print_stat_line(Writer& out, const Context& c, const ResourceUse& use, u64 start_ns) {
    Process& p = *c.process;
    SpaceUsage memory{};
    AddressSpace::Layout layout{};
    if (auto space = space_of(*c.task)) {
        memory = space->usage();
        layout = space->layout;
    }
    // Where things lie is told only to those who could look at them: Linux shows 1 and 0 to others.
    auto* who = file::credentials();
    bool shown = !who || may_inspect(*who, p);
    if (!shown && layout.code_start) layout = {.code_start = 1, .code_end = 1};
    ResourceUse children = process::children_usage(p);
    Signals signals{c};
    SchedParameters sched = c.task->parameters();
    bool fair = sched.priority == 0;
    Place place = place_of(p, c.pids());
    print(out, "{} ({}) {} {} {} {} {} {} 4194304 {} {} {} {} ", c.task->tid(c.pids()), c.task->name.view(),
          state_of(c), p.parent_pid(), place.group, place.session, place.terminal, place.foreground, use.minor_faults,
          children.minor_faults, use.major_faults, children.major_faults);
    print(out, "{} {} {} {} {} {} {} 0 {} {} {} {} ", use.user_ns / ns_per_tick, use.system_ns / ns_per_tick,
          children.user_ns / ns_per_tick, children.system_ns / ns_per_tick,
          fair ? 20 + sched.nice : -1 - sched.priority, sched.nice, threads_of(p),
          reader_view(c).time->at_boottime(start_ns) / ns_per_tick, memory.total * page_size, memory.resident,
          p.limits.soft(RLIMIT_RSS));
    print(out, "{} {} {} 0 0 {} {} {} {} 0 0 0 {} {} {} {} 0 0 0 ", layout.code_start, layout.code_end,
          layout.stack_start, signals.pending & 0x7fffffff, signals.blocked & 0x7fffffff, signals.ignored & 0x7fffffff,
          signals.caught & 0x7fffffff, place.exit_signal, c.task->last_cpu(), sched.priority,
          static_cast<unsigned>(sched.policy));
    print(out, "{} {} {} {} {} {} {} {}\n", layout.data_start, layout.data_end, layout.brk_start,
          layout.arguments_start, layout.arguments_end, layout.environment_start, layout.environment_end,
          shown ? p.exit_status.load() : 0);
}
} // namespace

unsigned threads_of(Process& p) {
    auto hold = p.lock_signals();
    Task* leader = p.threads(hold).leader;
    return p.live_threads + (leader && leader->is_exiting() ? 1 : 0);
}

void print_stat(Writer& out, const Context& c) {
    print_stat_line(out, c, process::usage(*c.process), c.process->start_ns);
}
void print_thread_stat(Writer& out, const Context& c) {
    print_stat_line(out, c, process::thread_usage(*c.task), c.task->start_ns);
}

Result<> print_status(Writer& out, const Context& c) {
    Process& p = *c.process;
    auto who = c.task->credentials_ref();
    if (!who) return err::srch;
    auto fs = fs_of(*c.task);
    char state = state_of(c);
    print(out, "Name:\t{}\n", c.task->name.view());
    if (fs) print(out, "Umask:\t{:04o}\n", fs->umask.load());
    print(out, "State:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n", state, state_name(state),
          p.pid(c.pids()), c.task->tid(c.pids()), p.parent_pid());
    const UserNamespace& users = *reader_view(c).users;
    print_credentials(out, *who, users);
    usize slots = 0;
    if (auto files = files_of(*c.task)) slots = files->size();
    print(out, "FDSize:\t{}\nGroups:\t", slots);
    for (Kgid g : who->groups) print(out, "{} ", users.shown(g));
    print(out, "\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", p.pid(c.pids()), c.task->tid(c.pids()),
          process::group_of(p, c.pids()), process::session_of(p, c.pids()));
    Signals s{c};
    if (auto space = space_of(*c.task)) {
        print_memory_lines(out, space->usage());
        print(out, "HugetlbPages:\t{:>8} kB\nCoreDumping:\t{}\nTHP_enabled:\t{}\n", 0, s.dumps ? 1 : 0,
              space->huge_pages_disabled() ? 0 : 1);
    }
    auto user = c.task->share(&Task::user);
    print(out, "Threads:\t{}\nSigQ:\t{}/{}\n", threads_of(p), user ? user->signals.load() : 0,
          p.limits.soft(RLIMIT_SIGPENDING));
    print(out, "SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n", s.pending,
          s.shared_pending, s.blocked, s.ignored, s.caught);
    print(out, "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\n",
          who->inheritable, who->permitted, who->effective, who->bounding, who->ambient);
    print(out, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", who->no_new_privileges ? 1 : 0);
    out.write("Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunknown\n");
    u64 cpus = c.task->affinity() & online_cpus();
    print(out, "Cpus_allowed:\t{:x}\nCpus_allowed_list:\t", cpus);
    print_list(out, cpus);
    out.write("\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    print(out, "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n", c.task->voluntary_switches(),
          c.task->involuntary_switches());
    return {};
}

void print_limits(Writer& out, const Context& c) {
    static constexpr struct {
        unsigned resource;
        std::string_view name, unit;
    } rows[] = {{RLIMIT_CPU, "Max cpu time", "seconds"},         {RLIMIT_FSIZE, "Max file size", "bytes"},
                {RLIMIT_DATA, "Max data size", "bytes"},         {RLIMIT_STACK, "Max stack size", "bytes"},
                {RLIMIT_CORE, "Max core file size", "bytes"},    {RLIMIT_RSS, "Max resident set", "bytes"},
                {RLIMIT_NPROC, "Max processes", "processes"},    {RLIMIT_NOFILE, "Max open files", "files"},
                {RLIMIT_MEMLOCK, "Max locked memory", "bytes"},  {RLIMIT_AS, "Max address space", "bytes"},
                {RLIMIT_LOCKS, "Max file locks", "locks"},       {RLIMIT_SIGPENDING, "Max pending signals", "signals"},
                {RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes"}, {RLIMIT_NICE, "Max nice priority", ""},
                {RLIMIT_RTPRIO, "Max realtime priority", ""},    {RLIMIT_RTTIME, "Max realtime timeout", "us"}};
    auto column = [&](u64 value) {
        if (value == ~u64{0})
            print(out, "{:<20} ", "unlimited");
        else
            print(out, "{:<20} ", value);
    };
    print(out, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (const auto& row : rows) {
        Limit limit = c.process->limits.get(row.resource);
        print(out, "{:<25} ", row.name);
        column(limit.soft);
        column(limit.hard);
        print(out, "{:<10}\n", row.unit);
    }
}

namespace {
void print_transfers(Writer& out, const ResourceUse& use) {
    print(out, "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\n", use.bytes_read, use.bytes_written, use.reads,
          use.writes);
    out.write("read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"); // nothing reaches a disk
}
} // namespace
/// With the children that were waited for, as Linux counts.
void print_io(Writer& out, const Context& c) {
    ResourceUse use = process::usage(*c.process);
    use.add(process::children_usage(*c.process));
    print_transfers(out, use);
}
void print_thread_io(Writer& out, const Context& c) { print_transfers(out, process::thread_usage(*c.task)); }
void print_schedstat(Writer& out, const Context& c) {
    CpuTime t = c.task->cpu_time();
    print(out, "{} 0 {}\n", t.user_ns + t.system_ns, c.task->voluntary_switches() + c.task->involuntary_switches());
}
} // namespace proc
