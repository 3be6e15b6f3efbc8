#include "kernel/views/pids.h"
#include "kernel/process/process.h"

namespace {
struct ByRoot {
    using type = Pid;
    Pid operator()(const PidNumber& n) const { return n.root; }
};
/// All numbers in use, as the root view sees them. Under the tree lock.
using RootTable = bi::set<PidNumber, bi::base_hook<TreeLink<struct PidRootTag>>, bi::key_of_value<ByRoot>,
                          bi::constant_time_size<false>>;
constinit RootTable* root_table = nullptr;
alignas(RootTable) std::byte root_table_memory[sizeof(RootTable)];
Pid last_root;

RootTable& roots() {
    if (!root_table) root_table = new (root_table_memory) RootTable;
    return *root_table;
}

/// A number free in `set`, the first one after `last`; 0: none. Numbers below 300 are given only once round.
template <class Set, class NumberOf>
Pid choose(Set& set, Pid& last, NumberOf number_of) {
    constexpr Pid reserved = 300;
    for (int round = 0; round < 2; round++) {
        Pid candidate = round == 0 ? last + 1 : last < reserved ? 1 : reserved;
        Pid end = round == 0 ? pid_max : last + 1;
        for (auto at = set.lower_bound(candidate); at != set.end() && number_of(*at) == candidate; ++at) candidate++;
        if (candidate < end) return last = candidate;
    }
    return 0;
}
} // namespace

struct PidTableOps {
    static Result<> insert(View& view, PidNumber& number, Pid wanted) {
        auto by_root = [](const PidNumber& n) { return n.root; };
        auto by_own = [](const PidNumber& n) { return n.own; };
        if (wanted && pids::find(view, wanted)) return err::exist;
        number.root = wanted && view.is_root() ? wanted : choose(roots(), last_root, by_root);
        if (!number.root) return err::again;
        if (view.is_root())
            number.own = number.root;
        else {
            PidTable& table = *view.pids;
            number.own = wanted ? wanted : choose(table.numbers_, table.last_, by_own);
            if (!number.own) return err::again;
            table.numbers_.insert(number);
        }
        roots().insert(number);
        return {};
    }
    static void erase(PidNumber& number) {
        roots().erase(roots().iterator_to(number));
        if (number.view.is_root()) return;
        auto& numbers = number.view.pids->numbers_;
        numbers.erase(numbers.iterator_to(number));
    }
};

Pid PidNumber::in(const View& from) const { return &from == &view ? own : from.is_root() ? root : 0; }

PidNumber* PidTable::find(Pid pid) {
    auto at = numbers_.find(pid);
    return at == numbers_.end() ? nullptr : &*at;
}
PidNumber* PidTable::at_or_after(Pid from) {
    auto at = numbers_.lower_bound(from);
    return at == numbers_.end() ? nullptr : &*at;
}

namespace pids {
Result<PidNumber*> allocate(View& view, Pid wanted) {
    auto number = TRY(make<PidNumber>(view));
    Holding tree{process::tree_lock()};
    TRY(PidTableOps::insert(view, *number, wanted));
    return number.release();
}
void release(PidNumber* number) {
    if (!number || number->used()) return;
    PidTableOps::erase(*number);
    delete number;
}
PidNumber* find(View& in, Pid pid) {
    if (!in.is_root()) return in.pids->find(pid);
    auto at = roots().find(pid);
    return at == roots().end() ? nullptr : &*at;
}
PidNumber* at_or_after(View& in, Pid from) {
    if (!in.is_root()) return in.pids->at_or_after(from);
    auto at = roots().lower_bound(from);
    return at == roots().end() ? nullptr : &*at;
}
} // namespace pids
