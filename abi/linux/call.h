// From a handler's signature: how its registers are decoded, how the result is encoded, how a trace line reads.
#pragma once
#include "abi/linux/arguments.h"
#include "arch/api/context.h"
#include "kernel/process/task.h"
#include "lib/result.h"

namespace linux_abi {
/// The result of a handler that has replaced the registers: exec, rt_sigreturn. Nothing is written to them then.
struct Resume {};

template <class T>
constexpr i64 encode(const Result<T>& result) {
    if (!result) [[unlikely]]
        return -static_cast<i64>(result.error());
    if constexpr (std::is_void_v<T>)
        return 0;
    else
        return static_cast<i64>(*result);
}

template <auto handler>
struct Call;

template <class R, class... A, Result<R> (*handler)(Task&, A...)>
struct Call<handler> {
    static constexpr usize width = (Argument<A>::width + ... + 0);
    static_assert(width <= 6, "a system call has six registers");

    static i64 run(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
        [[maybe_unused]] const u64 registers[] = {a0, a1, a2, a3, a4, a5};
        Task& task = Task::current();
        auto result = each([&]<usize... at> { return handler(task, Argument<A>::decode(registers + at)...); });
        if constexpr (std::is_same_v<R, Resume>)
            return result ? arch::user_frame(task).result() : -static_cast<i64>(result.error());
        else
            return encode(result);
    }
    static void print(Writer& out, [[maybe_unused]] const arch::TrapFrame& frame,
                      [[maybe_unused]] const TraceContext& context) {
        each([&]<usize... at> {
            ((at ? out.write(", ") : void(), Argument<A>::print(out, decode<A, at>(frame), context)), ...);
        });
    }

private:
    template <class T, usize at>
    static T decode(const arch::TrapFrame& frame) {
        u64 registers[Argument<T>::width];
        for (usize i = 0; i < Argument<T>::width; i++) registers[i] = frame.syscall_argument(at + i);
        return Argument<T>::decode(registers);
    }
    /// Calls f<first register of each argument...>().
    static decltype(auto) each(auto f) {
        static constexpr auto first = [] {
            std::array<usize, sizeof...(A) + 1> at{};
            [[maybe_unused]] usize i = 0, n = 0;
            ((at[i++] = n, n += Argument<A>::width), ...);
            return at;
        }();
        return [&]<usize... i>(std::index_sequence<i...>) -> decltype(auto) {
            return f.template operator()<first[i]...>();
        }(std::index_sequence_for<A...>{});
    }
};

/// "read" from &linux_abi::sys::read, at compile time. A trailing underscore (for names that clash) is dropped.
template <auto handler>
consteval std::string_view name_of() {
    std::string_view s = __PRETTY_FUNCTION__;
    s.remove_prefix(s.rfind("::") + 2);
    s.remove_suffix(1);
    if (s.ends_with('_')) s.remove_suffix(1);
    return s;
}

inline constexpr u16 none = 0xffff;

/// A row of the table.
struct Syscall {
    std::string_view name;
    u16 numbers[2]; // arch::SyscallNumbers: x86-64, asm-generic (riscv64)
    arch::SyscallHandler run;
    void (*print)(Writer&, const arch::TrapFrame&, const TraceContext&);
    bool never_returns; // its success is not seen: traced before it runs
};

/// The text is for docs/syscalls.md: what differs from Linux; empty when nothing does.
template <auto handler>
consteval Syscall on(u16 x86_64, u16 riscv64, std::string_view = {}) {
    using C = Call<handler>;
    std::string_view name = name_of<handler>();
    bool ends =
        name == "exit" || name == "exit_group" || name == "execve" || name == "execveat" || name == "rt_sigreturn";
    return {name, {x86_64, riscv64}, C::run, C::print, ends};
}
} // namespace linux_abi
