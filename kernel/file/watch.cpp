#include "kernel/file/notify.h"
#include <linux/fcntl.h>

namespace {
// Watches are found from both sides, and either side may go first: a lock that belongs to neither. Hashed by the file.
using WatchLock = Spinlock<Rank::epoll>;
constinit WatchLock watch_locks[64];
WatchLock& lock_of(const void* file) {
    return watch_locks[(reinterpret_cast<uptr>(file) >> 6) * 0x9e37'79b9u >> 16 & 63];
}
} // namespace

void File::watch(FileWatch& w) {
    Holding held{lock_of(this)};
    w.file_ = this;
    w.key_ = this;
    watches_.push_back(w);
    watched_.store(true, std::memory_order_relaxed);
}

void File::unwatch(FileWatch& w) {
    if (!w.key_) return;
    Holding held{lock_of(w.key_)};
    if (!w.file_) return;
    w.file_->watches_.erase(w);
    w.detach(*w.file_, false);
    w.file_ = nullptr;
}

Ref<File> FileWatch::file() const {
    Holding held{lock_of(key_)};
    return file_ && file_->try_retain() ? Ref<File>::adopt(file_) : Ref<File>{};
}

void File::last_ref_gone(File* file) {
    if (file->notifies) file::tell(*file, file->writable() ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    // Nobody can add a watch any more: that takes a reference.
    if (file->watched_.load(std::memory_order_relaxed)) {
        Holding held{lock_of(file)};
        while (FileWatch* w = file->watches_.pop_front()) {
            w->detach(*file, true);
            w->file_ = nullptr;
        }
    }
    if (file::Owner* owner = file->owner.load(std::memory_order_relaxed)) {
        owner->file_goes(*file);
        delete owner;
    }
    delete file;
}

Result<i64> File::control(int command, u64) {
    if (command == F_SETPIPE_SZ || command == F_GETPIPE_SZ) return err::badf;
    return err::inval;
}
