// The exception table: instructions that may fault on what a user gave, and where to go on.
#pragma once
#include "lib/types.h"
#include <span>

namespace arch {
/// Instructions from `start` up to `end` go on at `label`. Each field is relative to itself as the linker makes the
/// table, and to the table's start once it is sorted. Ranges do not overlap.
struct Fixup {
    i32 start, end, label;
};
/// Once, before read-only data is protected.
void sort_fixups(std::span<Fixup>);
/// Where to go on after a fault at `ip`; 0: it was not expected. The table is sorted.
uptr find_fixup(std::span<const Fixup>, uptr ip);
} // namespace arch
