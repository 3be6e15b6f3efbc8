#include "abi/linux/sys/sysv_object.h"
#include <linux/capability.h>

namespace linux_abi::sys {
Result<int> shmget(Task& task, int key, usize size, u32 flags) {
    auto* objects = TRY(objects_of(task));
    // No huge pages are reserved, and only the privileged may ask for some.
    if (flags & SHM_HUGETLB) return task.credentials().can_everywhere(CAP_IPC_LOCK) ? err::nomem : err::perm;
    return objects->get_segment(key, size, flags);
}

Result<uptr> shmat(Task& task, int id, uptr address, u32 flags) {
    if (id < 0) return err::inval;
    bool fixed = address != 0, replace = flags & SHM_REMAP;
    if (!is_aligned(address, page_size)) {
        if (!(flags & SHM_RND)) return err::inval;
        address = page_down(address);
    }
    if (replace && !address) return err::inval;
    auto segment = TRY(TRY(objects_of(task))->segments.find(id));
    bool writes = !(flags & SHM_RDONLY), executes = flags & SHM_EXEC;
    TRY(segment->permit(0444 | (writes ? 0222 : 0) | (executes ? 0111 : 0)));
    arch::PageFlags access = arch::page_read;
    if (writes) access = access | arch::page_write;
    if (executes) access = access | arch::page_execute;
    MapRequest request{.address = address, .access = access, .fixed = fixed, .replace = replace};
    if (!writes) request.max_access = request.max_access & ~arch::page_write;
    return segment->attach(*task.space, request);
}

Result<> shmdt(Task& task, uptr address) { return sysv::detach(*task.space, address); }

namespace {
void fill(Task& task, shmid64_ds& shown, sysv::Segment& segment) {
    auto state = segment.show();
    fill_owner(task, shown.shm_perm, segment);
    shown.shm_perm.mode |= state.flags();
    shown.shm_segsz = segment.bytes;
    shown.shm_atime = state.attached;
    shown.shm_dtime = state.detached;
    shown.shm_ctime = segment.changed;
    shown.shm_cpid = pid_of(task, state.maker);
    shown.shm_lpid = pid_of(task, state.last);
    shown.shm_nattch = state.attachments;
}

Result<int> show_limits(sysv::Namespace& objects, UserPtr<shmid64_ds> argument) {
    const auto& s = objects.settings;
    shminfo64 info{};
    info.shmmax = s.shmmax;
    info.shmmin = SHMMIN;
    info.shmmni = info.shmseg = s.shmmni;
    info.shmall = s.shmall;
    TRY(copy_out_zeroed(argument.as<shminfo64>(), info));
    return static_cast<int>(objects.segments.use().highest);
}
Result<int> show_use(sysv::Namespace& objects, UserPtr<shmid64_ds> argument) {
    shm_info info{};
    info.used_ids = static_cast<int>(objects.segments.use().objects);
    info.shm_tot = objects.shared_pages;
    for (unsigned i = 0; auto segment = objects.segments.next(i); i++) info.shm_rss += segment->resident_pages();
    TRY(copy_out_zeroed(argument.as<shm_info>(), info));
    return static_cast<int>(objects.segments.use().highest);
}

Result<int> lock(Task& task, sysv::Segment& segment, bool on) {
    if (!segment.is_privileged(CAP_IPC_LOCK)) {
        if (!segment.permit_change()) return err::perm;
        if (on && task.process().limits.soft(RLIMIT_MEMLOCK) == 0) return err::perm;
    }
    segment.set_locked(on);
    return 0;
}
} // namespace

Result<int> shmctl(Task& task, int id, int command, UserPtr<shmid64_ds> argument) {
    auto& objects = *TRY(objects_of(task));
    if (id < 0 || command < 0) return err::inval;
    switch (command) {
    case IPC_INFO: return show_limits(objects, argument);
    case SHM_INFO: return show_use(objects, argument);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return show(objects.segments, id, command, SHM_STAT_ANY, argument,
                    [&](auto& segment, auto& shown) { fill(task, shown, segment); });
    case SHM_LOCK:
    case SHM_UNLOCK: return lock(task, *TRY(objects.segments.find(id)), command == SHM_LOCK);
    case IPC_SET: {
        auto wanted = TRY(copy_in(argument));
        auto segment = TRY(find_to_change(objects.segments, id));
        TRY(set_owner(task, *segment, wanted.shm_perm));
        return 0;
    }
    case IPC_RMID: TRY(find_to_change(objects.segments, id))->close(objects); return 0;
    default: return err::inval;
    }
}
} // namespace linux_abi::sys
