#include "user/host/host.h"
#include <cstring>

namespace host {
void write(u64 handle, std::string_view text) {
    while (!text.empty()) {
        u64 moved = 0;
        if (call(Call::write, handle, text.data(), text.size(), &moved) != Error::none || moved == 0) return;
        text.remove_prefix(moved);
    }
}

void Output::write(std::string_view s) {
    for (char c : s) {
        if (used_ == sizeof bytes_) {
            host::write(handle_, {bytes_, used_});
            used_ = 0;
        }
        bytes_[used_++] = c;
    }
}

void exit(int status) {
    call(Call::exit, static_cast<u64>(status));
    __builtin_trap();
}

std::string_view error_text(Error e) {
    switch (e) {
    case Error::none: return "success";
    case Error::not_implemented: return "not implemented";
    case Error::invalid_argument: return "invalid argument";
    case Error::not_found: return "not found";
    case Error::bad_address: return "bad address";
    case Error::no_memory: return "not enough memory";
    case Error::not_permitted: return "not permitted";
    case Error::already_exists: return "already exists";
    case Error::wrong_state: return "not possible in this state";
    case Error::interrupted: return "interrupted";
    case Error::would_block: return "not ready";
    case Error::bad_handle: return "bad handle";
    case Error::input_output: return "input/output error";
    case Error::too_large: return "too large";
    case Error::no_child: return "no such child";
    case Error::not_executable: return "not executable";
    case Error::limit_reached: return "limit reached";
    case Error::not_a_directory: return "not a directory";
    case Error::not_a_terminal: return "not a terminal";
    case Error::read_only: return "read-only";
    case Error::other: break;
    }
    return "error";
}
} // namespace host

/// `stack` holds argc and argv, as for any program.
extern "C" [[noreturn]] void host_start(const u64* stack) {
    constexpr usize most = 256;
    static std::string_view arguments[most];
    usize count = stack[0] < most ? stack[0] : most;
    for (usize i = 0; i < count; i++) {
        auto text = reinterpret_cast<const char*>(stack[1 + i]);
        arguments[i] = {text, std::strlen(text)};
    }
    host::exit(host_main({arguments, count}));
}

/// libc++'s hardening ends here (lib/libcxx/config/__assertion_handler).
[[noreturn]] void kernel_check_failed(const char*, const char*, int) { __builtin_trap(); }
_LIBCPP_BEGIN_NAMESPACE_STD
/// What a throwing member calls where there are no exceptions.
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) { __builtin_trap(); }
_LIBCPP_END_NAMESPACE_STD
