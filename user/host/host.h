// The Host ABI as functions, and the little that a program without a C library needs.
#pragma once
#include "abi/host/numbers.h"
#include "lib/format.h"
#include <span>
#include <string_view>

/// The program: its arguments (its own name first); the result is its exit status.
int host_main(std::span<const std::string_view> arguments);

extern "C" u64 host_call(u64 number, u64, u64, u64, u64, u64, u64);

namespace host {
using host_abi::Call;
using host_abi::Error;
using host_abi::Exit;
using host_abi::Text;

inline u64 word(const void* p) { return reinterpret_cast<u64>(p); }
inline u64 word(u64 n) { return n; }
template <class... A>
Error call(Call number, A... arguments) {
    u64 a[6] = {word(arguments)...};
    return static_cast<Error>(host_call(static_cast<u64>(number), a[0], a[1], a[2], a[3], a[4], a[5]));
}
inline Text text(std::string_view s) { return {word(s.data()), s.size()}; }
/// "not found": for people.
std::string_view error_text(Error);

/// Room for a complaint of the kernel's.
struct Message {
    char bytes[320]; // longer than any complaint: the size tells whether one came
    Text text{word(bytes), sizeof bytes};
    std::string_view view() const { return {bytes, text.size < sizeof bytes ? text.size : sizeof bytes}; }
    /// The complaint, or what the error code says when there is none.
    std::string_view or_text(Error e) const { return text.size == sizeof bytes || !text.size ? error_text(e) : view(); }
};

inline constexpr u64 in = 0, out = 1, err = 2;
/// All of it, or as much as can be written.
void write(u64 handle, std::string_view);
/// print(host::to(host::err), "ctr: {}\n", message): one write for each call.
class Output final : public Writer {
public:
    explicit Output(u64 handle) : handle_{handle} {}
    ~Output() { host::write(handle_, {bytes_, used_}); }
    void write(std::string_view) override;

private:
    u64 handle_;
    usize used_ = 0;
    char bytes_[512];
};
template <class... A>
void say(u64 handle, std::string_view format, const A&... a) {
    Output out{handle};
    print(out, format, a...);
}
[[noreturn]] void exit(int status);
} // namespace host
