#include "abi/linux/sys/sysv_object.h"

namespace linux_abi::sys {
using sysv::SemaphoreSet;

Result<int> semget(Task& task, int key, int n, u32 flags) {
    if (n < 0) return err::inval;
    return TRY(objects_of(task))->get_semaphores(key, static_cast<usize>(n), flags);
}

Result<> semtimedop(Task& task, int id, UserPtr<const sembuf> at, u32 n, UserPtr<const Timespec> timeout) {
    constexpr usize few = 16;
    Deadline until = TRY(deadline_in(timeout));
    if (n < 1 || id < 0) return err::inval;
    if (n > sysv::Settings::semopm) return err::toobig;
    sembuf on_stack[few];
    Vector<sembuf> many;
    if (n > few) TRY(many.resize(n));
    std::span operations = n > few ? std::span<sembuf>{many} : std::span{on_stack}.first(n);
    TRY(copy_in(operations, at));
    auto set = TRY(TRY(objects_of(task))->semaphores.find(id));
    sysv::Undo* undo = nullptr;
    if (std::ranges::any_of(operations, [](const sembuf& o) { return o.sem_flg & SEM_UNDO; })) {
        if (!task.semaphore_undo) task.semaphore_undo = TRY(make_ref<sysv::UndoList>());
        undo = TRY(task.semaphore_undo->of(*set));
    }
    return set->operate(operations, undo, until);
}
Result<> semop(Task& task, int id, UserPtr<const sembuf> operations, u32 n) {
    return semtimedop(task, id, operations, n, {});
}

namespace {
void fill(Task& task, semid64_ds& shown, SemaphoreSet& set) {
    fill_owner(task, shown.sem_perm, set);
    shown.sem_otime = set.operated();
    shown.sem_ctime = set.changed;
    shown.sem_nsems = set.size();
}

Result<int> show_limits(sysv::Namespace& objects, bool use, uptr argument) {
    using sysv::Settings;
    seminfo info{.semmap = SEMMAP,
                 .semmni = Settings::semmni,
                 .semmns = Settings::semmns,
                 .semmnu = SEMMNU,
                 .semmsl = Settings::semmsl,
                 .semopm = Settings::semopm,
                 .semume = SEMUME,
                 .semusz = use ? static_cast<int>(objects.semaphores.use().objects) : 20,
                 .semvmx = SemaphoreSet::most_value,
                 .semaem = use ? static_cast<int>(objects.semaphore_count.load()) : SEMAEM};
    TRY(copy_out(UserPtr<seminfo>{argument}, info));
    return static_cast<int>(objects.semaphores.use().highest);
}

Result<int> show_one(Task& task, SemaphoreSet& set, int index, int command) {
    auto shown = TRY(set.show(static_cast<usize>(static_cast<u32>(index))));
    switch (command) {
    case GETVAL: return shown.value;
    case GETPID: return pid_of(task, shown.last);
    case GETNCNT: return static_cast<int>(shown.wait_to_take);
    default: return static_cast<int>(shown.wait_for_zero);
    }
}

Result<int> all(SemaphoreSet& set, int command, UserPtr<u16> at) {
    Vector<u16> values;
    TRY(values.resize(set.size()));
    if (command == GETALL) {
        TRY(set.values(values));
        TRY(copy_out(at, std::span<const u16>{values}));
    } else {
        TRY(set.permit(0222));
        TRY(copy_in(std::span<u16>{values}, at));
        TRY(set.set_values(0, values));
    }
    return 0;
}
} // namespace

Result<int> semctl(Task& task, int id, int index, int command, uptr argument) {
    auto& objects = *TRY(objects_of(task));
    if (id < 0) return err::inval;
    switch (command) {
    case IPC_INFO:
    case SEM_INFO: return show_limits(objects, command == SEM_INFO, argument);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return show(objects.semaphores, id, command, SEM_STAT_ANY, UserPtr<semid64_ds>{argument},
                    [&](auto& set, auto& shown) { fill(task, shown, set); });
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT: return show_one(task, *TRY(objects.semaphores.find(id)), index, command);
    case GETALL:
    case SETALL: return all(*TRY(objects.semaphores.find(id)), command, UserPtr<u16>{argument});
    case SETVAL: {
        int value = static_cast<int>(argument);
        if (value < 0 || value > SemaphoreSet::most_value) return err::range;
        auto set = TRY(objects.semaphores.find(id));
        u16 one[] = {static_cast<u16>(value)};
        TRY(set->set_values(static_cast<usize>(static_cast<u32>(index)), one));
        return 0;
    }
    case IPC_SET: {
        auto wanted = TRY(copy_in(UserPtr<const semid64_ds>{argument}));
        auto set = TRY(find_to_change(objects.semaphores, id));
        TRY(set_owner(task, *set, wanted.sem_perm));
        return 0;
    }
    case IPC_RMID: {
        auto set = TRY(find_to_change(objects.semaphores, id));
        objects.drop(*set);
        set->close();
        return 0;
    }
    default: return err::inval;
    }
}
} // namespace linux_abi::sys
