#include "arch/common/fixups.h"
#include <algorithm>

namespace arch {
void sort_fixups(std::span<Fixup> table) {
    auto* start = reinterpret_cast<const char*>(table.data());
    auto offset = [&](const i32& field) {
        return static_cast<i32>(reinterpret_cast<const char*>(&field) - start) + field;
    };
    for (Fixup& f : table) f = {offset(f.start), offset(f.end), offset(f.label)};
    std::sort(table.begin(), table.end(), [](const Fixup& a, const Fixup& b) { return a.start < b.start; });
}

uptr find_fixup(std::span<const Fixup> table, uptr ip) {
    uptr start = reinterpret_cast<uptr>(table.data());
    i64 offset = static_cast<i64>(ip - start);
    auto found = std::upper_bound(table.begin(), table.end(), offset, [](i64 o, const Fixup& f) { return o < f.end; });
    return found != table.end() && found->start <= offset ? start + static_cast<uptr>(i64{found->label}) : 0;
}
} // namespace arch
