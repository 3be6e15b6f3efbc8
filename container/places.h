// Places in a container's tree while it is made: nothing in the image leads out of it.
#pragma once
#include "kernel/vfs/operations.h"

namespace container {
/// Finds and makes names in a tree that nobody else uses yet, as `inside.credentials`.
class Places {
public:
    explicit Places(vfs::Walker inside) : inside_{std::move(inside)} {}

    const vfs::Walker& walker() const { return inside_; }
    /// What is there, links followed.
    Result<vfs::Path> find(std::string_view path) const { return vfs::resolve(inside_, path, vfs::walk_follow); }
    /// `path` without links. Where a link leads to nothing, or a name is missing, that is where it would be made:
    /// inside the tree, however many ".." there are. err::loop: too many links, or one of /proc that leads to another
    /// tree.
    Result<String> real(std::string_view path) const;
    /// The directory at a path of real(), made with its parents where missing.
    Result<> make_directories(std::string_view real_path) const;
    /// An empty file there, unless something is there already.
    Result<> make_file(std::string_view real_path) const;
    Result<> make_parents(std::string_view real_path) const {
        return make_directories(real_path.substr(0, real_path.rfind('/')));
    }

private:
    vfs::Walker inside_;
};
} // namespace container
