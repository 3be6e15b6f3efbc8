#include "kernel/file/poll.h"
#include "core/time/clock.h"
#include "lib/vector.h"
#include <linux/eventpoll.h>

namespace file {
namespace {
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
    Wait few[8];
    Vector<Wait> many;
    std::span<Wait> waits{few};
    if (entries.size() > waits.size()) {
        TRY(many.resize(entries.size()));
        waits = many;
    }
    for (usize i = 0; i < entries.size(); i++)
        if (entries[i].file) waits[i].enter(entries[i].file->changed(), self, interest(entries[i]));
    while (true) {
        if (usize n = look(entries)) return n;
        if (auto slept = self.sleep(until); !slept) {
            if (slept.error() != Errno::timedout) return err::restartnohand;
            return look(entries);
        }
    }
}
} // namespace file
