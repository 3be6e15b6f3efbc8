// The end of a kernel that cannot go on.
#pragma once
#include "lib/format.h"

namespace arch {
struct TrapFrame;
}

/// Prints the cause, the registers if a frame is given, a symbolised backtrace; stops every CPU and ends the machine
/// with a failing status.
[[noreturn]] void panic_at(const arch::TrapFrame*, std::string_view cause);
template <class... A>
[[noreturn]] void panic(std::string_view format, const A&... a) {
    char text[200];
    BufferWriter out{text};
    print(out, format, a...);
    panic_at(nullptr, out.text());
}
/// The machine is ending: locks may never be free again.
bool panicking();
