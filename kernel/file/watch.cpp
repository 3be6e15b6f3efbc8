#include "kernel/file/file.h"
#include <linux/fcntl.h>

namespace {
// One lock for all: watches are rare events beside the files themselves.
constinit Spinlock<Rank::epoll> watch_lock;
} // namespace

void File::watch(FileWatch& w) {
    Holding held{watch_lock};
    watches_.push_back(w);
    watched_.store(true, std::memory_order_relaxed);
}

bool File::unwatch(FileWatch& w) {
    Holding held{watch_lock};
    if (watches_.first() != &w && !w.previous_in_chain) return false;
    watches_.erase(w);
    return true;
}

void File::last_ref_gone(File* file) {
    // Nobody can add a watch any more: that takes a reference.
    if (file->watched_.load(std::memory_order_relaxed))
        while (true) {
            FileWatch* w;
            {
                Holding held{watch_lock};
                w = file->watches_.pop_front();
                if (w) w->file_gone(*file);
            }
            if (!w) break;
        }
    delete file;
}

Result<i64> File::control(int command, u64) {
    if (command == F_SETPIPE_SZ || command == F_GETPIPE_SZ) return err::badf;
    return err::inval;
}
