#include "abi/linux/linux.h"
#include "abi/linux/table.h"
#include "core/log/log.h"
#include "kernel/process/task.h"
#include "lib/split.h"
#include <algorithm>
#include <atomic>

namespace linux_abi {
namespace {
inline constexpr usize number_limit = arch::syscall_limit;
inline void two_calls_share_a_number() {} // not constexpr: reaching it stops the build

/// Rows by the number that this architecture uses.
consteval auto by_number() {
    std::array<const Syscall*, number_limit> table{};
    for (const Syscall& s : syscalls) {
        u16 n = s.numbers[static_cast<usize>(arch::syscall_numbers)];
        if (n == none) continue;
        if (table[n]) two_calls_share_a_number();
        table[n] = &s;
    }
    return table;
}
constexpr auto table = by_number();

/// One bit per number: unknown ones already reported, and those that a trace shows.
std::atomic<u64> reported[number_limit / 64], traced[number_limit / 64];
std::atomic<bool> reported_beyond;

bool test(const std::atomic<u64>* set, u64 n) { return set[n / 64].load(std::memory_order_relaxed) >> n % 64 & 1; }

[[gnu::cold]] i64 unknown(u64, u64, u64, u64, u64, u64) {
    Task& task = Task::current();
    u64 number = arch::user_frame(task).syscall_number();
    bool seen = number < number_limit ? reported[number / 64].fetch_or(u64{1} << number % 64) >> number % 64 & 1
                                      : reported_beyond.exchange(true);
    if (!seen) log(LogLevel::info, "{}[{}]: unknown system call {}", task.name.view(), task.tid(), number);
    return -static_cast<i64>(Errno::nosys);
}

void print_result(Writer& out, const Syscall& call, i64 result) {
    if (result >= 0 || result < -4095) {
        bool address = call.name == "mmap" || call.name == "brk" || call.name == "mremap";
        if (address)
            print(out, ") = {:#x}", result);
        else
            print(out, ") = {}", result);
        return;
    }
    static constexpr struct {
        int number;
        std::string_view name, text;
    } errors[] = {
#define ERRNO(name, number, text) {number, #name, text},
#include "lib/errno.def"
#undef ERRNO
    };
    for (const auto& e : errors)
        if (e.number == -result) {
            char upper[24];
            usize n = std::min(e.name.size(), sizeof upper);
            for (usize i = 0; i < n; i++)
                upper[i] = e.name[i] >= 'a' && e.name[i] <= 'z' ? static_cast<char>(e.name[i] - 32) : e.name[i];
            return print(out, ") = {} E{} ({})", -result >= 512 ? "?" : "-1", std::string_view{upper, n}, e.text);
        }
    print(out, ") = {}", result);
}

/// strace's form: [pid] name(arguments) = result.
[[gnu::cold]] i64 run_traced(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
    Task& task = Task::current();
    arch::TrapFrame& frame = arch::user_frame(task);
    u64 number = frame.syscall_number();
    if (number >= number_limit || !table[number]) return unknown(a0, a1, a2, a3, a4, a5);
    const Syscall& call = *table[number];
    if (!test(traced, number)) return call.run(a0, a1, a2, a3, a4, a5);
    char text[220];
    BufferWriter out{text};
    print(out, "[{}] {}(", task.tid(), call.name);
    if (call.never_returns) {
        call.print(out, frame, {0});
        log(LogLevel::notice, "{}) = ?", out.text());
        bool was_exec = call.name.starts_with("exec");
        i64 result = call.run(a0, a1, a2, a3, a4, a5);
        if (was_exec) log(LogLevel::notice, "[{}] {} = {}", task.tid(), call.name, result);
        return result;
    }
    i64 result = call.run(a0, a1, a2, a3, a4, a5);
    call.print(out, frame, {result});
    print_result(out, call, result);
    log(LogLevel::notice, "{}", out.text());
    return result;
}

struct Handlers {
    arch::SyscallHandlers at;
};
consteval Handlers handlers(bool traced) {
    Handlers made{};
    for (usize n = 0; n <= number_limit; n++)
        made.at[n] = traced ? run_traced : n < number_limit && table[n] ? table[n]->run : unknown;
    return made;
}
constinit const Handlers plain_handlers = handlers(false), traced_handlers = handlers(true);
} // namespace

constinit const Linux abi;

const arch::SyscallHandlers& Linux::syscalls(bool traced) const {
    return (traced ? traced_handlers : plain_handlers).at;
}

Result<> set_trace_filter(std::string_view names) {
    return split(names, ',', [](std::string_view name) -> Result<> {
        bool known = name.empty();
        for (u64 n = 0; n < number_limit; n++)
            if (table[n] && (name == "all" || name == table[n]->name)) {
                traced[n / 64].fetch_or(u64{1} << n % 64);
                known = true;
            }
        return known ? Result<>{} : err::inval;
    });
}
} // namespace linux_abi
