// FPU and vector registers, segment bases of user threads.
#include "arch/x86_64/user_state.h"
#include "arch/api/context.h"
#include "arch/api/user_copy.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"
#include "arch/x86_64/sites.h"
#include <asm/prctl.h>

namespace x86 {
u64 xstate_features() { return !features.xsave ? 0 : features.avx ? 7 : 3; }
usize xstate_size() { return !features.xsave ? 512 : features.avx ? 832 : 576; }

namespace {
/// An image in which XSTATE_BV says that every component has its first values; for FXRSTOR they are written out.
struct alignas(64) InitialImage {
    u8 area[576] = {};
    constexpr InitialImage() {
        area[0] = 0x7f, area[1] = 0x03;   // FCW
        area[24] = 0x80, area[25] = 0x1f; // MXCSR
    }
};
constexpr InitialImage initial;

void save(arch::UserState& state) {
    if (features.xsaveopt)
        asm volatile("xsaveopt64 %0" : "+m"(state.area) : "a"(~0u), "d"(~0u) : "memory");
    else if (features.xsave)
        asm volatile("xsave64 %0" : "+m"(state.area) : "a"(~0u), "d"(~0u) : "memory");
    else
        asm volatile("fxsave64 %0" : "+m"(state.area)::"memory");
}
/// A segment base that a user chose. Whoever sets one refuses what is not canonical; would one get here nevertheless,
/// the fault makes it 0.
void write_base(u32 msr, uptr base) {
    u32 low = static_cast<u32>(base), high = static_cast<u32>(base >> 32);
    asm volatile("1: wrmsr\n"
                 "2: .pushsection .text.unlikely, \"ax\"\n"
                 "3: xor %%eax, %%eax\n xor %%edx, %%edx\n wrmsr\n jmp 2b\n"
                 ".popsection\n" FIXUP(1b, 3b)
                 : "+a"(low), "+d"(high)
                 : "c"(msr)
                 : "memory", "cc");
}
void load(const arch::UserState& state) {
    if (features.xsave)
        asm volatile("xrstor64 %0" ::"m"(state.area), "a"(~0u), "d"(~0u) : "memory");
    else
        asm volatile("fxrstor64 %0" ::"m"(state.area) : "memory");
    write_base(msr_fs_base, state.fs_base);
    write_base(msr_kernel_gs_base, state.gs_base);
}
bool is_live(const arch::UserState& state) {
    auto& cpu = arch::this_cpu();
    return cpu.port[slot_user_state] == reinterpret_cast<u64>(&state) && state.loaded_on == cpu.id;
}
} // namespace

void reset_fpu(u64 components) {
    if (features.xsave)
        asm volatile("xrstor64 %0" ::"m"(initial.area), "a"(static_cast<u32>(components)), "d"(0) : "memory");
    else
        asm volatile("fxrstor64 %0" ::"m"(initial.area) : "memory");
}
} // namespace x86

namespace arch {
void save_user_state(UserState& state) {
    // The registers keep the values: if nothing else is loaded here until the thread comes back, its load is skipped.
    if (x86::is_live(state)) x86::save(state);
}

void load_user_state(const UserState& state) {
    if (x86::is_live(state)) return;
    x86::load(state);
    this_cpu().port[x86::slot_user_state] = reinterpret_cast<u64>(&state);
    state.loaded_on = cpu_id();
}

void sync_user_state(UserState& state) {
    bool were_on = irqs_save();
    save_user_state(state);
    irqs_restore(were_on);
}

void reload_user_state(const UserState& state) {
    bool were_on = irqs_save();
    state.loaded_on = ~0u;
    load_user_state(state);
    irqs_restore(were_on);
}

Result<> set_thread_pointer(TrapFrame&, UserState& state, uptr to) {
    if (to >= user_top) return err::perm; // wrmsr faults when an address is not canonical
    bool were_on = irqs_save();
    state.fs_base = to;
    if (x86::is_live(state))
        x86::write_base(x86::msr_fs_base, to);
    else
        state.loaded_on = ~0u;
    irqs_restore(were_on);
    return {};
}
uptr thread_pointer(const TrapFrame&, const UserState& state) { return state.fs_base; }

Result<i64> machine_control(TrapFrame& frame, UserState& state, int code, uptr address) {
    switch (code) {
    case ARCH_SET_FS: TRY(set_thread_pointer(frame, state, address)); return 0;
    case ARCH_SET_GS: {
        if (address >= user_top) return err::perm;
        bool were_on = irqs_save();
        state.gs_base = address;
        if (x86::is_live(state)) x86::write_base(x86::msr_kernel_gs_base, address);
        irqs_restore(were_on);
        return 0;
    }
    case ARCH_GET_FS: TRY(copy_out(address, &state.fs_base, sizeof state.fs_base)); return 0;
    case ARCH_GET_GS: TRY(copy_out(address, &state.gs_base, sizeof state.gs_base)); return 0;
    case ARCH_GET_CPUID: return 1;
    case ARCH_SET_CPUID: return err::nodev; // no CPUID faulting
    default: return err::inval;
    }
}
} // namespace arch
