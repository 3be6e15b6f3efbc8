// /proc/pid/oom_score and oom_score_adj: who dies when memory is short.
#include "kernel/process/oom.h"
#include "core/alloc/frame.h"
#include "fs/proc/items.h"
#include "lib/numbers.h"
#include <linux/capability.h>

namespace proc {
/// As Linux scales it: 0..2000 for all of memory and the highest adjustment, two thirds of it.
void print_oom_score(Writer& out, const Context& c) {
    constexpr i64 scale = 1000;
    i64 total = static_cast<i64>(mm::memory_info().total >> page_shift), points = 0;
    if (auto badness = oom::badness(*c.process)) {
        i64 score = (scale + *badness * scale / total) * 2 / 3;
        points = score < 0 ? 0 : score;
    }
    print(out, "{}\n", points);
}
void print_oom_adjustment(Writer& out, const Context& c) { print(out, "{}\n", c.process->oom_score_adjustment.load()); }
namespace {
/// A number with a sign, if it has one, of `most` at most. err::inval.
Result<int> parse_adjustment(std::string_view text, unsigned most) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    unsigned size = TRY(parse_number<unsigned>(text));
    if (size > most) return err::inval;
    return negative ? -static_cast<int>(size) : static_cast<int>(size);
}
Result<> set_adjustment(int wanted, const Context& c) {
    bool may_lower = Task::current().credentials().can_everywhere(CAP_SYS_RESOURCE);
    if (wanted < c.process->least_oom_score_adjustment && !may_lower) return err::acces;
    c.process->oom_score_adjustment = wanted;
    if (may_lower) c.process->least_oom_score_adjustment = wanted;
    return {};
}
} // namespace

Result<> store_oom_adjustment(std::string_view text, const Context& c) {
    return set_adjustment(TRY(parse_adjustment(text, 1000)), c);
}

namespace {
constexpr int old_never = -17, old_first = 15; // not to be killed, to be killed first
}
void print_old_oom_adjustment(Writer& out, const Context& c) {
    int now = c.process->oom_score_adjustment;
    print(out, "{}\n", now == 1000 ? old_first : now * -old_never / 1000);
}
Result<> store_old_oom_adjustment(std::string_view text, const Context& c) {
    int wanted = TRY(parse_adjustment(text, -old_never));
    if (wanted > old_first) return err::inval;
    return set_adjustment(wanted == old_first ? 1000 : wanted * 1000 / -old_never, c);
}
} // namespace proc
