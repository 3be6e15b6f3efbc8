#include "kernel/views/pid_namespace.h"
#include "kernel/views/namespaces.h"

Spinlock<Rank::tasks>& process::tree_lock() {
    static constinit Spinlock<Rank::tasks> lock;
    return lock;
}

PidNamespace::PidNamespace(PidNamespace* parent)
    : number{namespaces::next_number(parent ? 0 : namespaces::first_pid)},
      parent_{parent ? Ref<PidNamespace>::share(parent) : Ref<PidNamespace>{}},
      level_{parent ? parent->level_ + 1 : 0} {
    if (!parent) root_ = this;
}

Result<Ref<PidNamespace>> PidNamespace::create(PidNamespace* parent) {
    if (parent && parent->level_ + 1 > deepest) return err::nospc;
    auto* made = new (std::nothrow) PidNamespace{parent};
    return made ? Result<Ref<PidNamespace>>{Ref<PidNamespace>::adopt(made)} : err::nomem;
}

Result<PidNumber*> PidNamespace::allocate(Pid wanted) {
    auto number = TRY(make_ref<PidNumber>());
    TRY(number->values_.resize(level_ + 1));
    number->home_ = Ref<PidNamespace>::share(this);
    Holding tree{process::tree_lock()};
    TRY(insert(*number, wanted));
    return number.release(); // the tables' reference
}

Result<> PidNamespace::insert(PidNumber& number, Pid wanted) {
    if (wanted && find(wanted)) return err::exist;
    // All are chosen before the first is taken.
    for (PidNamespace* at = this; at; at = at->parent_.get()) {
        auto& value = number.values_[at->level_];
        value.of = &number;
        value.value = wanted && at == this ? wanted : at->choose();
        if (!value.value) return err::again;
    }
    for (PidNamespace* at = this; at; at = at->parent_.get()) at->values_.insert(number.values_[at->level_]);
    return {};
}

/// A free number, the first one after the last; 0: none. Numbers below 300 are given only once round.
Pid PidNamespace::choose() {
    constexpr Pid reserved = 300;
    for (int round = 0; round < 2; round++) {
        Pid candidate = round == 0 ? last_ + 1 : last_ < reserved ? 1 : reserved;
        Pid end = round == 0 ? pid_max : last_ + 1;
        for (auto at = values_.lower_bound(candidate); at != values_.end() && at->value == candidate; ++at) candidate++;
        if (candidate < end) return last_ = candidate;
    }
    return 0;
}

void PidNamespace::release(PidNumber* number) {
    if (!number || number->used()) return;
    for (PidNamespace* at = &number->home(); at; at = at->parent_.get())
        at->values_.erase(at->values_.iterator_to(number->values_[at->level_]));
    Ref<PidNumber>::adopt(number);
}

PidNumber* PidNamespace::find(Pid pid) {
    auto at = values_.find(pid);
    return at == values_.end() ? nullptr : at->of;
}
PidNumber* PidNamespace::at_or_after(Pid from) {
    auto at = values_.lower_bound(from);
    return at == values_.end() ? nullptr : at->of;
}

Pid PidNumber::in(const PidNamespace& from) const {
    const PidNamespace* at = home_.get();
    while (at && at->level_ > from.level_) at = at->parent_.get();
    return at == &from ? values_[from.level_].value : 0;
}
