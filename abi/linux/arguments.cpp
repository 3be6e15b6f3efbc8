#include "abi/linux/arguments.h"

namespace linux_abi {
void print_address(Writer& out, uptr address) {
    if (address)
        print(out, "{:#x}", address);
    else
        out.write("NULL");
}

void print_flags(Writer& out, u64 bits, std::span<const FlagName> names) {
    bool first = true;
    for (const FlagName& name : names) {
        bool zero = name.bits == 0; // O_RDONLY, PROT_NONE
        if (zero ? bits != 0 : (bits & name.bits) != name.bits) continue;
        print(out, "{}{}", first ? "" : "|", name.name);
        bits &= ~name.bits;
        first = false;
        if (zero) return;
    }
    if (bits || first) print(out, "{}{:#x}", first ? "" : "|", bits);
}

void print_choice(Writer& out, i64 value, std::span<const FlagName> names) {
    for (const FlagName& name : names)
        if (static_cast<i64>(name.bits) == value) return out.write(name.name);
    print(out, "{}", value);
}

static void print_quoted(Writer& out, std::span<const char> bytes, bool more) {
    out.write("\"");
    for (char c : bytes) {
        switch (c) {
        case '\n': out.write("\\n"); break;
        case '\r': out.write("\\r"); break;
        case '\t': out.write("\\t"); break;
        case '"': out.write("\\\""); break;
        case '\\': out.write("\\\\"); break;
        default:
            if (c >= ' ' && c < 127)
                out.write({&c, 1});
            else
                print(out, "\\{:o}", static_cast<unsigned>(static_cast<u8>(c)));
        }
    }
    out.write(more ? "\"..." : "\"");
}

void print_user_bytes(Writer& out, uptr address, usize size) {
    char bytes[32];
    usize n = size < sizeof bytes ? size : sizeof bytes;
    if (!arch::copy_in(bytes, address, n)) return print_address(out, address);
    print_quoted(out, {bytes, n}, size > n);
}

void print_user_string(Writer& out, uptr address) {
    char bytes[96];
    if (address == 0) return out.write("NULL");
    auto n = arch::copy_string_in(bytes, address, sizeof bytes);
    if (!n && n.error() == Errno::fault) return print_address(out, address);
    usize length = 0;
    while (length < sizeof bytes && bytes[length]) length++;
    print_quoted(out, {bytes, length}, !n);
}
} // namespace linux_abi
