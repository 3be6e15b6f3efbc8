#include "kernel/file/poll.h"
#include "core/time/clock.h"
#include "kernel/file/anonymous.h"
#include "kernel/file/current.h"
#include "kernel/vfs/operations.h"
#include "lib/vector.h"
#include <linux/eventpoll.h>
#include <linux/stat.h>

namespace file {
namespace {
/// One place on one queue; made without arguments so that arrays of them can be had.
class PollWait final : public Waiter {
public:
    ~PollWait() {
        if (queue_) queue_->remove(*this);
    }
    void enter(WaitQueue& queue, u32 events, Sleeper& sleeper) {
        sleeper_ = &sleeper;
        events_ = events;
        queue_ = &queue;
        queue.add(*this);
    }
    bool notified(u32 events) override {
        if (!(events & events_)) return false;
        sleeper_->notify();
        return true;
    }

private:
    WaitQueue* queue_ = nullptr;
    Sleeper* sleeper_ = nullptr;
    u32 events_ = 0;
};

u32 interest(const PollEntry& e) { return e.exact ? e.wanted : e.wanted | EPOLLERR | EPOLLHUP; }

usize look(std::span<PollEntry> entries) {
    usize n = 0;
    for (PollEntry& e : entries) {
        if (e.file) e.ready = e.file->poll() & interest(e);
        if (e.ready) n++;
    }
    return n;
}
} // namespace

Result<usize> poll(std::span<PollEntry> entries, Deadline until) {
    Sleeper self;
    PollWait few[8];
    Vector<PollWait> many;
    std::span<PollWait> waits{few};
    if (entries.size() > waits.size()) {
        TRY(many.resize(entries.size()));
        waits = many;
    }
    for (usize i = 0; i < entries.size(); i++)
        if (entries[i].file) waits[i].enter(entries[i].file->changed(), interest(entries[i]), self);
    while (true) {
        if (usize n = look(entries)) return n;
        if (auto slept = self.sleep(until); !slept) {
            if (slept.error() != Errno::timedout) return err::restartnohand;
            return look(entries);
        }
    }
}

Result<Ref<vfs::Inode>> anonymous_inode() { return vfs::make_anonymous_inode(S_IRUSR | S_IWUSR, *file::credentials()); }
} // namespace file
