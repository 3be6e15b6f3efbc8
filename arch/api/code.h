// Memory that becomes code.
#pragma once
#include "lib/types.h"
#include <atomic>

namespace arch {
/// Like sync_instructions() of paging.h, but at once only for the CPUs in `running` (those that have the code's address
/// space loaded); the others follow at their next use_page_table(). Called before the code can be executed.
void sync_instructions(const std::atomic<u64>& running);
} // namespace arch
