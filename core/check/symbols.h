// The kernel's own symbol table, made by tools/symbols.py after the link: function names for backtraces.
#pragma once
#include "lib/types.h"
#include <string_view>

struct Symbol {
    std::string_view name; // empty: no function is known there
    usize offset = 0;      // bytes from the start of the function
};
/// The function that contains `address`. Takes no lock: fit for panics.
Symbol find_symbol(uptr address);
