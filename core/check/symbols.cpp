#include "core/check/symbols.h"

extern "C" {
struct SymbolEntry {
    u32 offset; // from kernel_symbol_base
    u32 name;   // offset in kernel_symbol_names
};
extern const u64 kernel_symbol_base;
extern const u32 kernel_symbol_count;
extern const SymbolEntry kernel_symbols[];
extern const char kernel_symbol_names[];
}

Symbol find_symbol(uptr address) {
    if (kernel_symbol_count == 0 || address < kernel_symbol_base || address - kernel_symbol_base > ~u32{0}) return {};
    u32 wanted = static_cast<u32>(address - kernel_symbol_base);
    u32 low = 0, high = kernel_symbol_count; // the last entry at or below `wanted` is in [low, high)
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;
        if (kernel_symbols[middle].offset <= wanted)
            low = middle;
        else
            high = middle;
    }
    return {std::string_view{kernel_symbol_names + kernel_symbols[low].name}, wanted - kernel_symbols[low].offset};
}

void print_symbol(Writer& out, uptr address) {
    char text[160];
    BufferWriter line{text};
    Symbol s = find_symbol(address);
    print(line, "  {:016x} {}+{:#x}\n", address, s.name, s.offset);
    out.write(line.text()); // in one piece: other CPUs may write as well
}
