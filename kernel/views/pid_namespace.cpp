#include "kernel/views/pid_namespace.h"
#include "kernel/views/namespaces.h"

namespace {
constexpr unsigned passed_at_once = 256; // numbers in use that are passed under the lock
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

PidNumber::PidNumber(PidNamespace& home) : home_{Ref<PidNamespace>::share(&home)} {
    for (unsigned level = 0; level <= home.level_; level++) (new (values() + level) Value)->of = this;
}

Result<Ref<PidNumber>> PidNumber::create(PidNamespace& home) {
    void* memory = ::operator new(sizeof(PidNumber) + (home.level_ + 1) * sizeof(Value), std::nothrow);
    return memory ? Result<Ref<PidNumber>>{Ref<PidNumber>::adopt(new (memory) PidNumber{home})} : err::nomem;
}

Result<PidNumber*> PidNamespace::allocate(Pid wanted) {
    auto number = TRY(PidNumber::create(*this));
    for (unsigned passed = 0; passed < pid_max; passed += passed_at_once) {
        process::TreeLock tree;
        if (wanted && find(wanted, tree)) return err::exist;
        if (insert(*number, wanted)) return number.release(); // the tables' reference
    }
    return err::again;
}

/// False: no free number has been found yet.
bool PidNamespace::insert(PidNumber& number, Pid wanted) {
    // All are chosen before the first is taken.
    for (PidNamespace* at = this; at; at = at->parent_.get()) {
        auto& value = number.values()[at->level_];
        value.value = wanted && at == this ? wanted : at->choose();
        if (!value.value) return false;
    }
    for (PidNamespace* at = this; at; at = at->parent_.get()) at->values_.insert(number.values()[at->level_]);
    return true;
}

/// A free number, the first one after the last; 0: the next ones are taken, the search goes on behind them. Numbers
/// below 300 are given only once round.
Pid PidNamespace::choose() {
    constexpr Pid reserved = 300;
    unsigned passed = 0;
    Pid candidate = last_ + 1;
    for (auto at = values_.lower_bound(candidate); at != values_.end() && at->value == candidate; ++at, candidate++)
        if (passed++ == passed_at_once) return last_ = candidate - 1, 0;
    if (candidate >= pid_max) return last_ = reserved - 1, 0;
    return last_ = candidate;
}

void PidNamespace::release(PidNumber* number, const process::TreeLock& tree) {
    auto& uses = number->uses(tree);
    if (uses.task || uses.process || uses.group || uses.session) return;
    for (PidNamespace* at = &number->home(); at; at = at->parent_.get())
        at->values_.erase(at->values_.iterator_to(number->values()[at->level_]));
    Ref<PidNumber>::adopt(number);
}

PidNumber* PidNamespace::find(Pid pid, const process::TreeLock&) {
    auto at = values_.find(pid);
    return at == values_.end() ? nullptr : at->of;
}
PidNumber* PidNamespace::at_or_after(Pid from, const process::TreeLock&) {
    auto at = values_.lower_bound(from);
    return at == values_.end() ? nullptr : at->of;
}

Pid PidNumber::own() const { return values()[home_->level_].value; }

Pid PidNumber::in(const PidNamespace& from) const {
    const PidNamespace* at = home_.get();
    while (at && at->level_ > from.level_) at = at->parent_.get();
    return at == &from ? values()[from.level_].value : 0;
}
