// The part of the page tables that every address space shares.
#pragma once

namespace arch {
/// After entries were made in the vmap space where there were none: each CPU sees them before it next needs them. Some
/// riscv64 CPUs remember that there was no entry; nothing to do on x86-64.
void kernel_map_grew();
} // namespace arch
