#include "container/launch.h"
#include "container/home.h"
#include "container/stdio.h"
#include "container/tree.h"
#include "kernel/device/tty/terminal.h"
#include "lib/errno.h"
#include <linux/fcntl.h>
#include <linux/securebits.h>

namespace container {
namespace {
Result<Ref<const Credentials>> credentials_of(const ProcessSpec& p, const UserNamespace& users, json::Complaint& why) {
    auto who = TRY(make_ref<Credentials>());
    who->users = users.if_mapped();
    auto named = [&](std::string_view member, u32 id, auto found) {
        if (!found) why.say("process.user.{}: {} has no mapping in the container's user namespace", member, id);
        return found;
    };
    who->uid = who->euid = who->suid = who->fsuid = TRY(named("uid", p.uid, who->kuid(p.uid)));
    who->gid = who->egid = who->sgid = who->fsgid = TRY(named("gid", p.gid, who->kgid(p.gid)));
    TRY(who->groups.reserve(p.groups.size()));
    for (u32 g : p.groups) TRY(who->groups.push(TRY(named("additionalGids", g, who->kgid(g)))));
    who->sort_groups();
    who->bounding = p.bounding;
    who->permitted = p.permitted;
    who->inheritable = p.inheritable;
    who->ambient = p.ambient;
    who->effective = p.effective;
    who->no_new_privileges = p.no_new_privileges;
    return Ref<const Credentials>{who};
}

std::string_view path_variable(const ProcessSpec& p) {
    for (const String& e : p.env)
        if (e.view().starts_with("PATH=")) return e.view().substr(5);
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/// Opens a program as execve would.
Result<Ref<File>> open_program(const vfs::Walker& walker, std::string_view path) {
    auto place = TRY(vfs::resolve(walker, path, vfs::walk_follow));
    if (!place.inode().is_regular()) return err::acces;
    TRY(vfs::check_access(place, *walker.credentials, 1));
    return vfs::open_path(place, *walker.credentials, O_RDONLY);
}

/// The file that args[0] names, by PATH when it has no slash. `path` becomes what it was found as.
Result<Ref<File>> find_program(const vfs::Walker& walker, const ProcessSpec& p, String& path) {
    std::string_view name = p.args[0];
    if (name.contains('/')) {
        path = TRY(String::create(name));
        return open_program(walker, name);
    }
    Errno problem = Errno::noent;
    for (std::string_view rest = path_variable(p); !rest.empty() && !name.empty();) {
        auto colon = std::min(rest.find(':'), rest.size());
        String candidate = TRY(String::create(rest.substr(0, colon)));
        TRY(candidate.append("/"));
        TRY(candidate.append(name));
        rest.remove_prefix(std::min(colon + 1, rest.size()));
        auto file = open_program(walker, candidate);
        if (file) {
            path = std::move(candidate);
            return file;
        }
        if (file.error() == Errno::acces) problem = Errno::acces;
    }
    return std::unexpected(problem);
}

Result<> copy_strings(const Vector<String>& from, Vector<String>& to) {
    TRY(to.reserve(from.size()));
    for (const String& s : from) TRY(to.push(TRY(s.clone())));
    return {};
}

/// The controlling terminal that process.terminal asks for.
Result<Ref<tty::Terminal>> find_terminal(const Stdio& stdio, json::Complaint& why) {
    Ref<tty::Terminal> terminal = stdio[0] ? tty::terminal_of(*stdio[0]) : nullptr;
    if (!terminal) {
        why.say("process.terminal: true, but standard input is not a terminal");
        return err::notty;
    }
    if (!terminal->controls_session()) return terminal;
    why.say("process.terminal: true, but this terminal controls a session already (`ctr run` makes a new one)");
    return err::busy;
}
} // namespace

Result<Box<Launch>> prepare(Ref<vfs::MountTree> tree, const ProcessSpec& p, const UserNamespace& users,
                            const Stdio& stdio, const TerminalBase* console, json::Complaint& why) {
    TRY(check_stdio(stdio, why));
    auto launch = TRY(make<Launch>());
    process::Start& start = launch->start;
    start.mounts = std::move(tree);
    start.credentials = TRY(credentials_of(p, users, why));
    vfs::Path root = start.mounts->root();
    vfs::Walker walker{root, root, start.credentials, p.umask};
    auto cwd = vfs::resolve(walker, p.cwd, vfs::walk_follow | vfs::walk_directory);
    if (cwd) cwd = vfs::check_access(*cwd, *start.credentials, 1).transform([&] { return *cwd; });
    if (!cwd) {
        why.say("process.cwd: \"{}\": {}", p.cwd.view(), errno_text(cwd.error()));
        return std::unexpected(cwd.error());
    }
    walker.start = *cwd;
    start.fs = TRY(vfs::FsContext::create(root, std::move(*cwd), p.umask));
    if (p.terminal) start.terminal = TRY(find_terminal(stdio, why));
    start.files = TRY(install_stdio(walker, stdio, p.terminal ? start.terminal.get() : console));
    auto file = find_program(walker, p, launch->path);
    if (!file) {
        why.say("process.args[0]: \"{}\": {}", p.args[0].view(), errno_text(file.error()));
        return std::unexpected(file.error());
    }
    start.program.file = std::move(*file);
    start.program.path = launch->path;
    TRY(copy_strings(p.args, start.program.arguments));
    TRY(copy_strings(p.env, start.program.environment));
    TRY(add_home({root, root, TRY(builder_credentials(users)), 0}, p.uid, start.program.environment));
    for (const auto& r : p.rlimits) start.limits.set(r.resource, r.limit);
    give_stdio_to(start.credentials->uid, *start.files);
    return launch;
}
} // namespace container
