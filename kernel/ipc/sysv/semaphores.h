// Semaphore sets: semget(2), semop(2), semctl(2).
#pragma once
#include "core/wait/wait.h"
#include "kernel/ipc/sysv/object.h"
#include "lib/chain.h"
#include "lib/vector.h"
#include <linux/sem.h>

namespace sysv {
class SemaphoreSet;

/// What a process's operations with SEM_UNDO have done to one set, to be taken back. Under the set's lock.
struct Undo : ChainLink<Undo> {
    Ref<SemaphoreSet> set;
    Vector<i32> adjust; // by semaphore
};
/// Of the tasks that share it (CLONE_SYSVSEM): the last one that ends takes back what they have done.
class UndoList : public RefCounted<UndoList> {
public:
    ~UndoList();
    /// err::nomem.
    Result<Undo*> of(SemaphoreSet&);

private:
    Guarded<Vector<Box<Undo>>, Mutex<Rank::sysv_undo>> undos_;
};

class SemaphoreSet final : public Object, public RefCounted<SemaphoreSet> {
public:
    static constexpr int most_value = 32'767; // SEMVMX
    SemaphoreSet(const IpcNamespace& of, u32 mode) : Object{of, mode} {}
    Result<> init(usize n); // err::nomem
    usize size() const { return size_; }

    /// All of `operations` or none, when that is possible. `undo` null: none of them has SEM_UNDO. err::again: one
    /// would have to wait and must not, or `until` has passed; err::fbig, err::range, err::idrm, err::acces; err::intr.
    Result<> operate(std::span<const sembuf> operations, Undo* undo, Deadline until);

    /// One semaphore, as semctl(2) shows it.
    struct Shown {
        int value;
        Ref<PidNumber> last; // who operated on it
        unsigned wait_to_take = 0, wait_for_zero = 0;
    };
    Result<Shown> show(usize index); // err::inval, err::acces
    /// GETALL: fills `values`, of size() elements. err::acces, err::idrm.
    Result<> values(std::span<u16> values);
    /// SETVAL, SETALL: from `first` on. Forgets what was to be taken back there. err::inval, err::range, err::acces,
    /// err::idrm.
    Result<> set_values(usize first, std::span<const u16> values);
    /// When an operation was done last; 0: never.
    i64 operated() {
        Holding held{lock};
        return operated_;
    }
    /// IPC_RMID, permitted: whoever waits is told.
    void close();

private:
    friend class UndoList;
    struct Waiting : ChainLink<Waiting> {
        std::span<const sembuf> operations;
        Undo* undo;
        Ref<PidNumber> process;
        Sleeper sleeper{};
        usize blocked_by = 0; // the first operation that could not be done
        Errno error = Errno::again;
        bool done = false; // with `error`
    };
    struct Semaphore : ChainLink<Semaphore> {
        int value = 0;
        Ref<PidNumber> last;
        Chain<Waiting> waiting; // whose first operation that cannot be done is on this one
        bool has_changed = false;
    };
    // All with the lock held.
    /// Errno{}: done. err::again: `blocked_by` tells which cannot be.
    Errno attempt(std::span<const sembuf>, Undo*, const Ref<PidNumber>&, usize& blocked_by);
    void note_change(Semaphore&);
    /// Lets those go on who can after changes, in the order in which they came to each semaphore.
    void settle();
    void retry(Semaphore&);
    /// What a list that goes has to take back.
    void take_back(Undo&, const Ref<PidNumber>& process);
    Result<> check(u32 mode) {
        if (removed) return err::idrm;
        return permit(mode);
    }

    Box<Semaphore[]> semaphores_;
    usize size_ = 0;
    Chain<Semaphore> changed_;
    Chain<Undo> undos_;
    i64 operated_ = 0;
};
} // namespace sysv
