#include "kernel/vfs/path.h"

namespace vfs {
Result<Ref<FsContext>> FsContext::create(Path root, Path cwd, u32 umask) {
    auto made = TRY(make_ref<FsContext>());
    made->set_root(std::move(root));
    made->set_cwd(std::move(cwd));
    made->umask = umask;
    return made;
}
Result<Ref<FsContext>> FsContext::clone() { return create(root(), cwd(), umask); }

namespace {
constexpr u64 in_exec = u64{1} << 32;
}
Result<> FsContext::join() {
    u64 now = users_.load(std::memory_order_relaxed);
    do {
        if (now >= in_exec) return err::again;
    } while (!users_.compare_exchange_weak(now, now + 1, std::memory_order_acquire));
    return {};
}
FsContext::Closed::Closed(Ref<FsContext> of) : of_{std::move(of)} {
    of_->users_.fetch_add(in_exec, std::memory_order_acq_rel);
}
FsContext::Closed::~Closed() {
    if (of_) of_->users_.fetch_sub(in_exec, std::memory_order_release);
}

Path FsContext::root() { return places_.lock()->root; }
Path FsContext::cwd() { return places_.lock()->cwd; }

/// The old place is in `to` afterwards, and goes after the lock.
void FsContext::set(Path Places::* which, Raw& raw, Path& to) {
    auto places = places_.lock();
    SeqCount::Writing changing{changes};
    raw.set(to);
    std::swap((*places).*which, to);
}
void FsContext::set_root(Path to) { set(&Places::root, raw_root_, to); }
void FsContext::set_cwd(Path to) { set(&Places::cwd, raw_cwd_, to); }
} // namespace vfs
