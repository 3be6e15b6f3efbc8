#include "container/places.h"
#include "kernel/vfs/inode.h"
#include <algorithm>
#include <linux/stat.h>

namespace container {
Result<String> Places::real(std::string_view path) const {
    String found, left = TRY(String::create(path));
    unsigned links = 0;
    for (usize at = 0; at < left.size();) {
        std::string_view rest = left.view().substr(at);
        std::string_view name = rest.substr(0, rest.find('/'));
        at += std::min(name.size() + 1, rest.size());
        if (name.empty() || name == ".") continue;
        if (name == "..") {
            found = TRY(String::create(found.view().substr(0, std::min(found.view().rfind('/'), found.size()))));
            continue;
        }
        String next = TRY(found.clone());
        TRY(next.append("/"));
        TRY(next.append(name));
        if (next.size() >= vfs::path_max) return err::nametoolong;
        auto place = vfs::resolve(inside_, next, 0);
        if (!place || !place->inode().is_symlink()) {
            if (!place && place.error() != Errno::noent) return std::unexpected(place.error());
            found = std::move(next);
            continue;
        }
        if (++links > vfs::max_symlinks || place->inode().symlink()->is_magic()) return err::loop;
        auto target = TRY(vfs::read_link(*place));
        if (target->view().starts_with('/')) found = String{};
        String then = TRY(String::create(target->view()));
        TRY(then.append("/"));
        TRY(then.append(left.view().substr(at)));
        if (then.size() > 2 * vfs::path_max) return err::nametoolong;
        left = std::move(then);
        at = 0;
    }
    if (found.empty()) TRY(found.append("/"));
    return found;
}

Result<> Places::make_directories(std::string_view path) const {
    for (usize end = 1; end <= path.size(); end++) {
        if (end < path.size() && path[end] != '/') continue;
        auto made = vfs::make_directory(inside_, path.substr(0, end), 0755);
        if (!made && made.error() != Errno::exist && made.error() != Errno::rofs) return made;
    }
    return {};
}

Result<> Places::make_file(std::string_view path) const {
    if (find(path)) return {};
    TRY(make_parents(path));
    return vfs::make_node(inside_, path, S_IFREG | 0644, 0);
}
} // namespace container
