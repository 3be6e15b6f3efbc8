#include "kernel/ipc/sysv/namespace.h"
#include "core/sync/once.h"

namespace sysv {
Result<Namespace*> Namespace::in(IpcNamespace& of) {
    if (auto* there = find(of)) return there;
    return &keep_first(of.objects, TRY(make<Namespace>(of)));
}

Result<int> Namespace::get_queue(Key key, u32 flags) {
    auto any = [](MessageQueue&) { return Result<>{}; };
    return queues.get(key, flags, static_cast<unsigned>(settings.msgmni), any,
                      [&] { return make_ref<MessageQueue>(of, flags, settings.msgmnb.load()); });
}

Result<int> Namespace::get_semaphores(Key key, usize n, u32 flags) {
    if (n > Settings::semmsl) return err::inval;
    auto fits = [&](SemaphoreSet& s) { return n <= s.size() ? Result<>{} : err::inval; };
    return semaphores.get(key, flags, Settings::semmni, fits, [&] -> Result<Ref<SemaphoreSet>> {
        if (n == 0) return err::inval;
        if (semaphore_count + n > Settings::semmns) return err::nospc;
        auto made = TRY(make_ref<SemaphoreSet>(of, flags));
        TRY(made->init(n));
        semaphore_count += n;
        return made;
    });
}

Result<int> Namespace::get_segment(Key key, u64 bytes, u32 flags) {
    auto fits = [&](Segment& s) { return bytes <= s.bytes ? Result<>{} : err::inval; };
    return segments.get(key, flags, static_cast<unsigned>(settings.shmmni), fits, [&] -> Result<Ref<Segment>> {
        if (bytes == 0 || bytes > settings.shmmax) return err::inval;
        u64 pages = page_up(bytes) / page_size;
        if (page_up(bytes) < bytes || shared_pages + pages > settings.shmall) return err::nospc;
        auto made = TRY(make_ref<Segment>(of, bytes, flags, TRY(make_shared_memory(bytes))));
        shared_pages += pages;
        return made;
    });
}

void Namespace::drop(SemaphoreSet& set) {
    if (semaphores.remove(set)) semaphore_count -= set.size();
}
void Namespace::drop(Segment& segment) {
    if (segments.remove(segment)) shared_pages -= segment.pages();
}
} // namespace sysv
