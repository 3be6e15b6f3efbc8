// The kernel's own symbol table, made by tools/symbols.py after the link: function names for backtraces.
#pragma once
#include "lib/format.h"

struct Symbol {
    std::string_view name = "?"; // if no function is known there
    usize offset = 0;            // bytes from the start of the function
};
/// The function that contains `address`. Takes no lock: fit for panics.
Symbol find_symbol(uptr address);
/// A line of a backtrace.
void print_symbol(Writer&, uptr address);
