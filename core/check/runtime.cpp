// What the compiler and libc++ call by name.
#include "core/check/panic.h"
#include <cstdarg>

// The guard itself is the port's: it is set before the first C++ function runs.
extern "C" [[noreturn]] void __stack_chk_fail() { panic("a function wrote beyond its stack frame"); }
extern "C" [[noreturn]] void __cxa_pure_virtual() { panic("call of a pure virtual function"); }
extern "C" [[noreturn]] void __cxa_deleted_virtual() { panic("call of a deleted virtual function"); }
/// Objects that live as long as the kernel are never destroyed.
extern "C" int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
extern "C" constinit void* __dso_handle = nullptr;

/// A check of hardened libc++ failed: an index out of range, an empty optional's value.
[[noreturn]] void kernel_check_failed(const char* message, const char* file, int line) {
    panic("libc++ check at {}:{}: {}", file, line, message);
}
_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char* format, ...) { panic("libc++: {}", format); }
_LIBCPP_END_NAMESPACE_STD
