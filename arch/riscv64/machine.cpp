// The early console, the end of the machine, what programs are told about the CPU, backtraces.
#include "arch/api/machine.h"
#include "arch/api/vdso.h"
#include "arch/common/frame_walk.h"
#include "arch/riscv64/internal.h"
#include "arch/riscv64/sbi.h"
#include "lib/format.h"
#include <asm/hwcap.h>

extern "C" {
extern const std::byte vdso_start[], vdso_end[];
extern const u64 vdso_sigreturn_at;
}

namespace {
volatile u8* uart = nullptr; // 16550 registers
unsigned uart_stride = 1;
volatile u32* test_device = nullptr;
constinit arch::UserCpu user{};

void put(char c) {
    constexpr u8 transmitter_empty = 0x20;
    if (!uart) return sbi::put_char(c);
    while (!(uart[5 * uart_stride] & transmitter_empty)) arch::pause();
    *uart = static_cast<u8>(c);
}
} // namespace

namespace riscv {
void init_console() {
    if (platform.console) {
        uart_stride = platform.console_stride;
        uart = static_cast<volatile u8*>(arch::map_device(platform.console, 8 * uart_stride));
    }
    if (platform.test) test_device = static_cast<volatile u32*>(arch::map_device(platform.test, page_size));

    constexpr usize signal_frame = 128 + 176 + 784; // siginfo, ucontext up to and with its sigcontext
    user.machine = "riscv64";
    user.minimum_signal_stack = signal_frame;
    for (char c : {'i', 'm', 'a', 'f', 'd', 'c'})
        if (has_letter(c)) user.hwcap |= u64{1} << (c - 'a'); // COMPAT_HWCAP_ISA_*
}
} // namespace riscv

namespace arch {
void console_write(std::string_view text) {
    for (char c : text) {
        if (c == '\n') put('\r');
        put(c);
    }
}

void power_off(unsigned status) {
    constexpr u32 pass = 0x5555, fail = 0x3333;
    if (test_device) *test_device = status ? (status & 0xff) << 16 | fail : pass;
    sbi::reset(sbi::Reset::shutdown, status != 0);
    riscv::halt();
}

void restart() {
    constexpr u32 reset = 0x7777;
    sbi::reset(sbi::Reset::cold_reboot, false);
    if (test_device) *test_device = reset;
    riscv::halt();
}

const UserCpu& user_cpu() { return user; }

void describe_cpu(Writer& out, unsigned cpu) {
    print(out, "processor\t: {}\nhart\t\t: {}\nisa\t\t: {}\nmmu\t\t: sv39\n\n", cpu, riscv::platform.harts[cpu].id,
          riscv::platform.isa);
}

usize backtrace(std::span<uptr> to, uptr frame_pointer) {
    uptr at = frame_pointer ? frame_pointer : reinterpret_cast<uptr>(__builtin_frame_address(0));
    auto read = [](uptr frame) -> std::optional<SavedFrame> {
        if (frame < direct_map) return {};
        auto caller = probe_load(reinterpret_cast<const u64*>(frame) - 2);
        auto return_address = probe_load(reinterpret_cast<const u64*>(frame) - 1);
        if (caller.failed || return_address.failed) return {};
        return SavedFrame{return_address.value, caller.value};
    };
    return walk_frames(to, at, read, [](uptr address) { return address >= kernel_base; });
}

std::span<const std::byte> vdso_image() {
    // By its direct-map address, from which physical() finds the frames.
    return {static_cast<const std::byte*>(direct(riscv::image_physical(vdso_start))),
            static_cast<usize>(vdso_end - vdso_start)};
}
usize vdso_sigreturn_offset() { return vdso_sigreturn_at; }
} // namespace arch
