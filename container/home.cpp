#include "container/home.h"
#include "kernel/vfs/page_cache.h"
#include "lib/numbers.h"
#include <algorithm>

namespace container {
namespace {
/// Takes what stands before the first `end`, and that, from the front of `text`.
std::string_view take_until(std::string_view& text, char end) {
    auto at = std::min(text.find(end), text.size());
    auto taken = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return taken;
}

/// The whole of a regular file, or its first MiB; empty when there is none.
Result<Vector<char>> read_file(const vfs::Walker& inside, std::string_view path) {
    Vector<char> text;
    auto place = vfs::resolve(inside, path, vfs::walk_follow);
    auto* pages = place ? place->inode().pages() : nullptr;
    if (!pages) return text;
    TRY(text.resize(std::min<u64>(pages->size(), 1 * MiB)));
    Sink to{std::as_writable_bytes(std::span<char>{text})};
    while (!to.done())
        if (!TRY(pages->read(to, to.moved()))) break;
    TRY(text.resize(to.moved()));
    return text;
}

/// passwd(5): name:password:uid:gid:comment:home:shell.
std::string_view home_in(std::string_view passwd, u32 uid) {
    while (!passwd.empty()) {
        auto line = take_until(passwd, '\n');
        take_until(line, ':');
        take_until(line, ':');
        if (parse_number<u32>(take_until(line, ':')) != uid) continue;
        take_until(line, ':');
        take_until(line, ':');
        auto home = take_until(line, ':');
        return home.empty() ? "/" : home;
    }
    return "/";
}
} // namespace

Result<> add_home(const vfs::Walker& inside, u32 uid, Vector<String>& environment) {
    constexpr std::string_view name = "HOME=";
    auto there = std::find_if(environment.begin(), environment.end(),
                              [&](const String& variable) { return variable.view().starts_with(name); });
    if (there != environment.end() && there->size() > name.size()) return {};
    auto passwd = TRY(read_file(inside, "/etc/passwd"));
    String home = TRY(String::create(name));
    TRY(home.append(home_in({passwd.data(), passwd.size()}, uid)));
    if (there == environment.end()) return environment.push(std::move(home));
    *there = std::move(home);
    return {};
}
} // namespace container
