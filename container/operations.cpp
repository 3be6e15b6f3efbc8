// The operations of the OCI runtime.
#include "container/json.h"
#include "container/launch.h"
#include "container/network.h"
#include "container/registry.h"
#include "container/stdio.h"
#include "container/tree.h"
#include "core/log/log.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/file/block_on.h"
#include "lib/errno.h"
#include <linux/fcntl.h>
#include <optional>

namespace container {
namespace {
Result<> check_id(std::string_view id, json::Complaint& why) {
    bool good = !id.empty() && id.size() <= max_id && id != "." && id != "..";
    for (char c : id)
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        std::string_view{"_+.-"}.contains(c));
    if (good) return {};
    why.say("the id \"{}\" is not 1 to {} of letters, digits and _+.-", id.substr(0, 64), max_id);
    return err::inval;
}

Result<Vector<char>> read_config(const vfs::Walker& walker, json::Complaint& why) {
    auto file = vfs::open(walker, "config.json", {O_RDONLY | O_NONBLOCK, 0, 0});
    if (!file) {
        why.say("config.json: {}", errno_text(file.error()));
        return std::unexpected(file.error());
    }
    auto* inode = (*file)->inode();
    if (!inode || !inode->is_regular()) return why.say("config.json: is not a regular file"), err::inval;
    u64 size = inode->attributes().size;
    if (size > max_config_size) return why.say("config.json: {} bytes, at most {}", size, max_config_size), err::fbig;
    Vector<char> text;
    TRY(text.reserve(size + 4)); // the parser adds nulls
    TRY(text.resize(size));
    TRY(file::read_exactly(**file, std::as_writable_bytes(std::span<char>{text}), 0));
    return text;
}

Result<Spec> read_spec(const vfs::Walker& host, std::string_view bundle, vfs::Path& place, json::Complaint& why) {
    auto found = vfs::resolve(host, bundle, vfs::walk_follow | vfs::walk_directory);
    if (!found) {
        why.say("the bundle \"{}\": {}", bundle, errno_text(found.error()));
        return std::unexpected(found.error());
    }
    place = std::move(*found);
    auto text = TRY(read_config({host.root_place(), place, host.credentials, 0}, why));
    return parse_spec(std::move(text), why);
}

/// As an operator sets it, who may lower it: what runs inside cannot go below.
void set_oom_score(Process& process, const ProcessSpec& p) {
    process.oom_score_adjustment = process.least_oom_score_adjustment = p.oom_score_adjustment;
}

/// Takes the namespaces that the spec shares with others'.
Result<> join(Container& c, json::Complaint& why) {
    for (const JoinSpec& join : c.spec.joins) {
        auto process = process::find(*View::root().pids, join.process);
        if (!process) {
            why.say("linux.namespaces: process {}: {}", join.process, errno_text(process.error()));
            return std::unexpected(process.error());
        }
        const View& view = (*process)->view();
        switch (join.kind) {
        case JoinSpec::Kind::uts: c.uts = view.uts; break;
        case JoinSpec::Kind::ipc: c.ipc = view.ipc; break;
        case JoinSpec::Kind::network: c.network = view.network; break;
        case JoinSpec::Kind::user: c.users = view.users; break;
        case JoinSpec::Kind::time: c.time = view.time; break;
        }
    }
    bool named = !c.spec.hostname.empty() || !c.spec.domainname.empty();
    if (!c.uts || !named) return {};
    return why.say("hostname: the name is that of another's namespace, which is shared"), err::inval;
}

/// Makes those that the spec says something about.
Result<> make_namespaces(Container& c, json::Complaint& why) {
    Spec& spec = c.spec;
    if (!spec.uid_map.extents().empty())
        c.users = TRY(make_ref<UserNamespace>(std::move(spec.uid_map), std::move(spec.gid_map)));
    if (c.time) return {};
    auto time = TimeNamespace::create(spec.time_offsets);
    if (!time && time.error() == Errno::range)
        return why.say("linux.timeOffsets: a clock would show less than 0 or end too soon"), err::inval;
    c.time = TRY(std::move(time));
    return {};
}

/// What nobody else may see half done: the container is in the registry only afterwards.
Result<> describe(Container& c, CreateRequest& request, vfs::Path& bundle, json::Complaint& why) {
    c.spec = TRY(read_spec(request.host, request.bundle, bundle, why));
    if (!request.arguments.empty()) c.spec.process.args = std::move(request.arguments);
    c.bundle = TRY(vfs::path_text(bundle, request.host.root_place()));
    auto* account = TRY(MemoryAccount::create(c.spec.memory_limit));
    Charging to_the_container{*account};
    auto cgroup = make_ref<Cgroup>(0, *account, c.spec.pids_limit);
    if (!cgroup) return account->close(), std::unexpected(cgroup.error());
    c.cgroup = std::move(*cgroup);
    TRY(join(c, why));
    TRY(make_namespaces(c, why));
    TRY(choose_network(c, request.network, why));
    bool own_names = !c.uts;
    TRY(c.prepare());
    TRY(connect_network(c, request.publish, why));
    if (!own_names) return {};
    auto names = c.uts->names.lock();
    names->host.assign(c.spec.hostname.empty() ? c.id.view() : c.spec.hostname.view());
    if (!c.spec.domainname.empty()) names->domain.assign(c.spec.domainname);
    return {};
}

/// Everything of `create` that can fail once the id is taken.
Result<> build(Container& c, const vfs::Path& bundle, CreateRequest& request, json::Complaint& why) {
    Charging to_the_container{c.account()};
    auto tree = TRY(make_tree(request.host, bundle, c.spec, c, why));
    c.console = console_of(request.stdio);
    auto launch = TRY(prepare(tree, c.spec.process, *c.users, request.stdio, c.console.get(), why));
    auto first = process::create_init(c, launch->start);
    if (!first) {
        why.say("process.args[0]: \"{}\": {}", c.spec.process.args[0].view(), errno_text(first.error()));
        return std::unexpected(first.error());
    }
    set_oom_score(**first, c.spec.process);
    Holding held{Registry::lock()};
    c.first = std::move(*first);
    c.mounts = std::move(tree);
    c.status = Status::created;
    return {};
}

/// What refers to the container from within (mounts of proc hold their view), taken from it under the registry's lock
/// and let go without.
struct Insides {
    explicit Insides(Container& c)
        : mounts{std::move(c.mounts)},
          console{std::move(c.console)},
          first{std::move(c.first)},
          executed{std::move(c.executed)} {}
    Ref<vfs::MountTree> mounts;
    Ref<TerminalBase> console;
    Ref<Process> first;
    Vector<Ref<Process>> executed;
};

Result<> check_free(std::string_view id, json::Complaint& why) {
    if (!Registry::find(id)) return {};
    why.say("the id \"{}\" is taken", id);
    return err::exist;
}
} // namespace

Container::~Container() = default;

void Container::emptied(int status_of_first) {
    Ref<vfs::MountTree> tree;
    Ref<TerminalBase> terminal;
    {
        Holding held{Registry::lock()};
        wait_status = status_of_first;
        tree = std::move(mounts);
        terminal = std::move(console);
    }
    tree = nullptr;
    { // not before its files' memory is back: whoever deletes it may count on that
        Holding held{Registry::lock()};
        status = Status::stopped;
    }
    stopped.notify_all();
}

Result<> create(CreateRequest& request, json::Complaint& why) {
    TRY(check_id(request.id, why));
    {
        Holding held{Registry::lock()};
        TRY(check_free(request.id, why));
    }
    auto c = TRY(make_ref<Container>());
    c->id = TRY(String::create(request.id));
    auto complain = [&](Result<> done) {
        if (!done && why.text().empty()) why.say("container {}: {}", request.id, errno_text(done.error()));
        return done;
    };
    vfs::Path bundle;
    TRY(complain(describe(*c, request, bundle, why)));
    {
        Holding held{Registry::lock()};
        TRY(check_free(request.id, why));
        Registry::add(c);
    }
    auto built = complain(build(*c, bundle, request, why));
    if (built) return {};
    Ref<Container> listed;
    Holding held{Registry::lock()};
    listed = Registry::take(*c);
    return built;
}

Result<> start(std::string_view id, json::Complaint& why) {
    Holding held{Registry::lock()};
    Container* c = TRY(find_or_complain(id, why));
    if (c->status != Status::created) return wrong_state(*c, "created", why);
    c->status = Status::running;
    process::run(*c->first);
    return {};
}

Result<> kill(std::string_view id, int signal, json::Complaint& why) {
    if (signal < 0 || signal > signal_count) return why.say("there is no signal {}", signal), err::inval;
    Holding held{Registry::lock()};
    Container* c = TRY(find_or_complain(id, why));
    if (c->status != Status::created && c->status != Status::running) return wrong_state(*c, "running", why);
    if (signal == 0) return {};
    bool waits = c->status == Status::created; // and has no handlers: what ends a process by default ends it
    bool ends = !(signal_bit(signal) & (signals::default_ignored | signals::default_stops));
    if (waits && ends) signal = SIGKILL;
    TRY(signals::send(*c->first, signals::info_user(signal)));
    if (waits && ends) { // runs only to die
        c->status = Status::running;
        process::run(*c->first);
    }
    return {};
}

namespace {
Result<> wait_until_stopped(Container& c, bool interruptible) {
    return wait_until(
        c.stopped,
        [&] {
            Holding held{Registry::lock()};
            return c.status == Status::stopped;
        },
        never, interruptible);
}

/// Ends what a container that is to be deleted still does.
Result<> stop_for_removal(Container& c, bool force, json::Complaint& why) {
    {
        Holding held{Registry::lock()};
        if (c.status == Status::stopped) return {};
        if (c.status == Status::creating || (c.status == Status::running && !force))
            return wrong_state(c, "stopped", why);
        process::kill_all(*c.pids);
        if (c.status == Status::created) { // runs only to die
            c.status = Status::running;
            process::run(*c.first);
        }
    }
    return wait_until_stopped(c, false);
}
} // namespace

Result<> remove(std::string_view id, bool force, json::Complaint& why) {
    std::optional<Insides> insides; // goes after the lock, as `c` does
    Ref<Container> c;
    {
        Holding held{Registry::lock()};
        if (force && !Registry::find(id)) return {};
        c = Ref<Container>::share(TRY(find_or_complain(id, why)));
    }
    TRY(stop_for_removal(*c, force, why));
    Ref<Container> listed;
    Holding held{Registry::lock()};
    if (Registry::find(id) != c.get()) return why.say("container {} is already deleted", id), err::noent;
    listed = Registry::take(*c);
    insides.emplace(*c);
    return {};
}

namespace {
Result<int> wait_for_executed(Container& c, Pid pid, json::Complaint& why) {
    Ref<Process> process;
    {
        Holding held{Registry::lock()};
        for (auto& p : c.executed)
            if (p->pid(PidNamespace::root()) == pid) process = p;
    }
    if (!process) return why.say("container {} runs no process {} of ours", c.id.view(), pid), err::child;
    TRY(wait_until(process->ended, [&] { return process->has_ended(); }));
    Holding held{Registry::lock()};
    for (usize i = 0; i < c.executed.size(); i++)
        if (c.executed[i] == process.get()) {
            c.executed.erase(i);
            break;
        }
    return process->exit_status;
}
} // namespace

Result<int> wait(std::string_view id, Pid pid, json::Complaint& why) {
    Ref<Container> c;
    {
        Holding held{Registry::lock()};
        c = Ref<Container>::share(TRY(find_or_complain(id, why)));
        if (c->status == Status::creating) return wrong_state(*c, "created", why); // it may never be
    }
    if (pid) return wait_for_executed(*c, pid, why);
    TRY(wait_until_stopped(*c, true));
    return c->wait_status;
}

namespace {
constexpr usize most_unclaimed = 256; // processes of execute() that nobody waited for: older ones are forgotten
}

Result<Pid> execute(std::string_view id, Vector<char> process, const Stdio& stdio, json::Complaint& why) {
    Ref<Container> c;
    Ref<vfs::MountTree> tree; // the container may stop meanwhile, and gives it up then
    Ref<TerminalBase> console;
    {
        Holding held{Registry::lock()};
        c = Ref<Container>::share(TRY(find_or_complain(id, why)));
        bool lives = c->status == Status::created || c->status == Status::running;
        if (!lives || !c->mounts) return wrong_state(*c, "running", why);
        TRY(c->executed.reserve(most_unclaimed));
        tree = c->mounts;
        console = c->console;
    }
    auto document = TRY(json::Document::parse(std::move(process), why));
    auto spec = TRY(parse_process({document, why}, &c->spec.process));
    Charging to_the_container{c->account()};
    auto launch = TRY(prepare(std::move(tree), spec, *c->users, stdio, console.get(), why));
    auto made = process::create_in(*c, launch->start);
    if (!made && made.error() == Errno::busy) return why.say("container {} is about to stop", id), err::busy;
    if (!made) {
        why.say("process.args[0]: \"{}\": {}", spec.args[0].view(), errno_text(made.error()));
        return std::unexpected(made.error());
    }
    set_oom_score(**made, spec);
    Pid pid = (*made)->pid(PidNamespace::root());
    // The container cannot stop before this process has ended.
    Ref<Process> forgotten; // goes after the lock
    Holding held{Registry::lock()};
    if (c->executed.size() == most_unclaimed) {
        forgotten = std::move(c->executed[0]);
        c->executed.erase(0);
    }
    (void)c->executed.push(*made); // its place is reserved
    process::run(**made);
    return pid;
}

Result<> set_trace(std::string_view id, bool on, json::Complaint& why) {
    Holding held{Registry::lock()};
    TRY(find_or_complain(id, why))->trace = on;
    return {};
}
} // namespace container
