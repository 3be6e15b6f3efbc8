#include "kernel/ipc/sysv/semaphores.h"

namespace sysv {
namespace {
constexpr bool can_take_back(int adjust) { return adjust >= -32'768 && adjust <= 32'767; } // SEMAEM
} // namespace

Result<> SemaphoreSet::init(usize n) {
    semaphores_.reset(new (std::nothrow) Semaphore[n]);
    if (!semaphores_) return err::nomem;
    size_ = n;
    return {};
}

void SemaphoreSet::note_change(Semaphore& s) {
    if (!std::exchange(s.has_changed, true)) changed_.push_back(s);
}

Errno SemaphoreSet::attempt(std::span<const sembuf> operations, Undo* undo, const Ref<PidNumber>& process,
                            usize& blocked_by) {
    Errno error{};
    usize done = 0;
    for (; done < operations.size() && error == Errno{}; done++) {
        const sembuf& o = operations[done];
        Semaphore& s = semaphores_[o.sem_num];
        int result = s.value + o.sem_op;
        if ((o.sem_op == 0 && s.value) || result < 0)
            error = Errno::again;
        else if (result > most_value)
            error = Errno::range;
        else if (o.sem_flg & SEM_UNDO && !can_take_back(undo->adjust[o.sem_num] - o.sem_op))
            error = Errno::range;
        if (error != Errno{}) break;
        s.value = result;
        if (o.sem_flg & SEM_UNDO) undo->adjust[o.sem_num] -= o.sem_op;
    }
    blocked_by = done;
    if (error != Errno{}) {
        while (done--) {
            const sembuf& o = operations[done];
            semaphores_[o.sem_num].value -= o.sem_op;
            if (o.sem_flg & SEM_UNDO) undo->adjust[o.sem_num] += o.sem_op;
        }
        return error;
    }
    for (const sembuf& o : operations) {
        semaphores_[o.sem_num].last = process;
        if (o.sem_op) note_change(semaphores_[o.sem_num]);
    }
    operated_ = now();
    return error;
}

void SemaphoreSet::retry(Semaphore& s) {
    for (Waiting *w = s.waiting.first(), *next; w; w = next) {
        next = s.waiting.after(*w);
        w->error = attempt(w->operations, w->undo, w->process, w->blocked_by);
        Semaphore* now_at = &semaphores_[w->operations[std::min(w->blocked_by, w->operations.size() - 1)].sem_num];
        bool waits = w->error == Errno::again && !(w->operations[w->blocked_by].sem_flg & IPC_NOWAIT);
        if (waits && now_at == &s) continue;
        s.waiting.erase(*w);
        if (waits)
            now_at->waiting.push_back(*w);
        else
            w->done = true, w->sleeper.notify();
    }
}

void SemaphoreSet::settle() {
    while (Semaphore* s = changed_.pop_front()) {
        s->has_changed = false;
        retry(*s);
    }
}

Result<> SemaphoreSet::operate(std::span<const sembuf> operations, Undo* undo, Deadline until) {
    bool alters = false;
    for (const sembuf& o : operations) {
        if (o.sem_num >= size()) return err::fbig;
        alters |= o.sem_op != 0;
    }
    Waiting self{.operations = operations, .undo = undo, .process = current_process()};
    {
        Holding held{lock};
        TRY(check(alters ? 0222 : 0444));
        self.error = attempt(operations, undo, self.process, self.blocked_by);
        if (self.error == Errno{}) return settle(), Result<>{};
        bool waits = self.error == Errno::again && !(operations[self.blocked_by].sem_flg & IPC_NOWAIT);
        if (!waits || until == at_once) return std::unexpected(self.error);
        semaphores_[operations[self.blocked_by].sem_num].waiting.push_back(self);
    }
    for (;;) {
        auto slept = self.sleeper.sleep(until);
        Holding held{lock};
        if (self.done) return self.error == Errno{} ? Result<>{} : std::unexpected(self.error);
        if (slept) continue;
        semaphores_[operations[self.blocked_by].sem_num].waiting.erase(self);
        return slept.error() == Errno::timedout ? err::again : err::intr;
    }
}

Result<SemaphoreSet::Shown> SemaphoreSet::show(usize index) {
    Holding held{lock};
    TRY(check(0444));
    if (index >= size()) return err::inval;
    Semaphore& s = semaphores_[index];
    Shown shown{s.value, s.last};
    for (Waiting* w = s.waiting.first(); w; w = s.waiting.after(*w))
        (w->operations[w->blocked_by].sem_op ? shown.wait_to_take : shown.wait_for_zero)++;
    return shown;
}

Result<> SemaphoreSet::values(std::span<u16> values) {
    Holding held{lock};
    TRY(check(0444));
    for (usize i = 0; i < size(); i++) values[i] = static_cast<u16>(semaphores_[i].value);
    return {};
}

Result<> SemaphoreSet::set_values(usize first, std::span<const u16> values) {
    Holding held{lock};
    TRY(check(0222));
    if (first >= size()) return err::inval;
    for (u16 value : values)
        if (value > most_value) return err::range;
    auto process = current_process();
    for (usize i = 0; i < values.size(); i++) {
        Semaphore& s = semaphores_[first + i];
        s.value = values[i];
        s.last = process;
        note_change(s);
        for (Undo* u = undos_.first(); u; u = undos_.after(*u)) u->adjust[first + i] = 0;
    }
    changed = now();
    settle();
    return {};
}

void SemaphoreSet::close() {
    Holding held{lock};
    removed = true;
    while (undos_.pop_front()) {}
    for (usize i = 0; i < size(); i++)
        while (Waiting* w = semaphores_[i].waiting.pop_front()) {
            w->error = Errno::idrm;
            w->done = true;
            w->sleeper.notify();
        }
}

void SemaphoreSet::take_back(Undo& undo, const Ref<PidNumber>& process) {
    Holding held{lock};
    if (removed) return;
    undos_.erase(undo);
    for (usize i = 0; i < size(); i++) {
        if (!undo.adjust[i]) continue;
        Semaphore& s = semaphores_[i];
        s.value = std::clamp(s.value + undo.adjust[i], 0, most_value);
        s.last = process;
        note_change(s);
    }
    operated_ = now();
    settle();
}

UndoList::~UndoList() {
    auto process = current_process();
    for (auto& undo : undos_.unguarded()) undo->set->take_back(*undo, process);
}

Result<Undo*> UndoList::of(SemaphoreSet& set) {
    auto undos = undos_.lock();
    usize kept = 0;
    Undo* found = nullptr;
    for (auto& undo : *undos) { // those of sets that are gone go as well
        if (undo->set.get() == &set) found = undo.get();
        bool gone = [&] {
            Holding held{undo->set->lock};
            return undo->set->removed;
        }();
        if (!gone || undo.get() == found) std::swap((*undos)[kept++], undo);
    }
    (void)undos->resize(kept);
    if (found) return found;
    auto undo = TRY(make<Undo>());
    undo->set = Ref<SemaphoreSet>::share(&set);
    TRY(undo->adjust.resize(set.size()));
    found = undo.get();
    TRY(undos->push(std::move(undo)));
    Holding held{set.lock};
    if (set.removed) return (void)undos->resize(kept), err::idrm;
    set.undos_.push_back(*found);
    return found;
}
} // namespace sysv
