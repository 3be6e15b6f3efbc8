// Threads for in-kernel tests.
#pragma once
#include "core/sched/thread.h"
#include "core/wait/wait.h"

namespace ktest {
/// Runs body(0) .. body(n-1), each in a kernel thread, and returns when all have ended. False: they could not be made.
template <class Body>
bool run_threads(unsigned n, Body body) {
    struct Shared : RefCounted<Shared> {
        explicit Shared(Body b) : body{b} {}
        Body body;
        std::atomic<unsigned> next = 0, left = 0;
        WaitQueue done;
    };
    auto shared = make_ref<Shared>(body);
    if (!shared) return false;
    Shared& s = **shared;
    bool made = true;
    for (unsigned i = 0; i < n && made; i++) {
        s.left++;
        Shared* given = Ref<Shared>{*shared}.release();
        auto run = [](void* argument) {
            auto own = Ref<Shared>::adopt(static_cast<Shared*>(argument));
            own->body(own->next.fetch_add(1));
            own->left.fetch_sub(1);
            own->done.notify_all();
        };
        made = Thread::spawn("ktest", run, given).has_value();
        if (made) continue;
        s.left--;
        Ref<Shared>::adopt(given);
    }
    (void)wait_until(s.done, [&] { return s.left.load() == 0; }, never, false);
    return made;
}
} // namespace ktest
