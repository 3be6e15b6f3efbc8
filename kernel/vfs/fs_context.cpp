#include "kernel/vfs/path.h"

namespace vfs {
Result<Ref<FsContext>> FsContext::create(Path root, Path cwd, u32 umask) {
    auto made = TRY(make_ref<FsContext>());
    Places& places = made->places_.unguarded();
    places.root = std::move(root);
    places.cwd = std::move(cwd);
    made->umask = umask;
    return made;
}
Result<Ref<FsContext>> FsContext::clone() { return create(root(), cwd(), umask); }
Path FsContext::root() { return places_.lock()->root; }
Path FsContext::cwd() { return places_.lock()->cwd; }
void FsContext::set_root(Path to) {
    auto places = places_.lock();
    std::swap(places->root, to); // the old one goes after the lock
}
void FsContext::set_cwd(Path to) {
    auto places = places_.lock();
    std::swap(places->cwd, to);
}
} // namespace vfs
