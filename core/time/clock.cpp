#include "core/time/clock.h"
#include "arch/api/clock.h"
#include "arch/api/vdso.h"
#include "core/alloc/frame.h"
#include "core/check/panic.h"
#include "core/sync/lock.h"
#include "core/time/scale.h"

namespace clocks {
namespace {
struct State {
    u64 base_counter = 0;
    Scale to_ns, to_ticks;
    std::atomic<i64> realtime_offset = 0;
    std::atomic<u64> changes = 0;
    arch::VdsoData* vdso = nullptr;
    u64 vdso_page = 0;
    Spinlock<Rank::timer> setting;
};
constinit State state;

/// Each clock is read with one load of the offset, here and in the vDSO.
void set_offset(i64 ns) {
    state.realtime_offset.store(ns, std::memory_order_relaxed);
    state.vdso->realtime_offset_ns.store(static_cast<u64>(ns), std::memory_order_relaxed);
}
} // namespace

void init() {
    u64 frequency = arch::counter_frequency();
    state.base_counter = arch::counter();
    state.to_ns = Scale::ratio(ns_per_second, frequency, arch::VdsoData::shift);
    state.to_ticks = Scale::ratio(frequency, ns_per_second, 30);
    auto page = mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, 0, &MemoryAccount::kernel());
    if (!page) panic("no memory for the vDSO's data");
    Frame* frame = page->release(); // for ever
    state.vdso = new (frame->data()) arch::VdsoData{};
    state.vdso_page = frame->address();
    state.vdso->mult = state.to_ns.factor;
    state.vdso->base_counter = state.base_counter;
    set_offset(static_cast<i64>(arch::read_wall_clock() * ns_per_second));
}

u64 monotonic_ns() { return state.to_ns(arch::counter() - state.base_counter); }

u64 counter_at(Deadline at) { return at == never ? ~u64{0} : state.base_counter + state.to_ticks(at.ns) + 1; }

i64 realtime_ns() { return static_cast<i64>(monotonic_ns()) + state.realtime_offset.load(std::memory_order_relaxed); }

void move_realtime(i64 ns) {
    Holding held{state.setting};
    set_offset(ns - static_cast<i64>(monotonic_ns()));
    state.changes.fetch_add(1, std::memory_order_release);
}

u64 realtime_changes() { return state.changes.load(std::memory_order_acquire); }
u64 vdso_data_page() { return state.vdso_page; }
} // namespace clocks
