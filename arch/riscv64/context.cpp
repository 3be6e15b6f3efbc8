// Threads' stacks and user state.
#include "arch/api/context.h"
#include "arch/riscv64/internal.h"
#include "arch/riscv64/offsets.h"

namespace arch {
namespace {
constexpr u64 fs_clean = 2 << 13, fs_dirty = sstatus_fs;

void set_fs(TrapFrame& f, u64 fs) { f.status = (f.status & ~u64{sstatus_fs}) | fs; }

/// The saved registers of switch_stacks().
struct SwitchFrame {
    u64 ra, s[12], unused;
};
} // namespace

uptr prepare_stack(uptr stack_top, void (*entry)(void*), void* argument) {
    // Below the place of the trap frame, which a user thread's creator may have filled already.
    auto* f = reinterpret_cast<SwitchFrame*>(stack_top - sizeof(TrapFrame)) - 1;
    *f = {};
    f->ra = reinterpret_cast<u64>(thread_start);
    f->s[1] = reinterpret_cast<u64>(entry);
    f->s[2] = reinterpret_cast<u64>(argument);
    return reinterpret_cast<uptr>(f);
}

void save_user_state(UserState& state) {
    TrapFrame& f = user_frame(*current_thread());
    if ((f.status & sstatus_fs) != fs_dirty) return;
    fpu_save(state.f, &state.fcsr);
    set_fs(f, fs_clean);
}

void load_user_state(const UserState& state) {
    CpuLocal& cpu = this_cpu();
    cpu.port[riscv::slot_user_state] = reinterpret_cast<u64>(&state);
    TrapFrame& f = user_frame(*current_thread());
    if (!state.used) return set_fs(f, 0);
    if (cpu.port[riscv::slot_fpu_owner] != reinterpret_cast<u64>(&state) || state.live_on != static_cast<int>(cpu.id)) {
        fpu_load(state.f, state.fcsr);
        cpu.port[riscv::slot_fpu_owner] = reinterpret_cast<u64>(&state);
        state.live_on = static_cast<int>(cpu.id);
    }
    set_fs(f, fs_clean);
}

void sync_user_state(UserState& state) {
    bool on = irqs_save();
    save_user_state(state);
    irqs_restore(on);
}

void reload_user_state(const UserState& state) {
    bool on = irqs_save();
    state.live_on = -1;
    load_user_state(state);
    irqs_restore(on);
}

Result<> set_thread_pointer(TrapFrame& f, UserState&, uptr to) {
    f.set_tls(to); // a general register
    return {};
}
uptr thread_pointer(const TrapFrame& f, const UserState&) { return f.tls(); }

Result<i64> machine_control(TrapFrame&, UserState&, int, uptr) { return err::inval; }

void set_current(ThreadHead& thread) {
    CpuLocal& cpu = this_cpu();
    cpu.current = &thread;
    cpu.kernel_stack = thread.kernel_stack;
    riscv::notice_kernel_map();
}
} // namespace arch
