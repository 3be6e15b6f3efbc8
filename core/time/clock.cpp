#include "core/time/clock.h"
#include "arch/api/clock.h"
#include "arch/api/vdso.h"
#include "core/log/log.h"
#include "core/mm/frame.h"
#include "core/time/scale.h"

namespace clocks {
namespace {
constexpr unsigned shift = 32;

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

void update_vdso() {
    auto& data = *state.vdso;
    data.sequence.fetch_add(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    data.shift = shift;
    data.mult = state.to_ns.factor;
    data.base_counter = state.base_counter;
    data.monotonic_base_ns = 0;
    data.realtime_offset_ns = state.realtime_offset.load(std::memory_order_relaxed);
    data.sequence.fetch_add(1, std::memory_order_release);
}
} // namespace

void init() {
    u64 frequency = arch::counter_frequency();
    state.base_counter = arch::counter();
    state.to_ns = Scale::ratio(ns_per_second, frequency, shift);
    state.to_ticks = Scale::ratio(frequency, ns_per_second, 30);
    state.realtime_offset = static_cast<i64>(arch::read_wall_clock() * ns_per_second);
    auto page = mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, 0, &MemoryAccount::kernel());
    if (!page) panic("no memory for the vDSO's data");
    Frame* frame = page->release(); // for ever
    state.vdso = new (frame->data()) arch::VdsoData{};
    state.vdso_page = frame->address();
    update_vdso();
}

u64 monotonic_ns() { return state.to_ns(arch::counter() - state.base_counter); }

u64 counter_at(Deadline at) { return at == never ? ~u64{0} : state.base_counter + state.to_ticks(at.ns) + 1; }

i64 realtime_ns() { return static_cast<i64>(monotonic_ns()) + state.realtime_offset.load(std::memory_order_relaxed); }

void set_realtime(i64 ns) {
    Holding held{state.setting};
    state.realtime_offset.store(ns - static_cast<i64>(monotonic_ns()), std::memory_order_relaxed);
    state.changes.fetch_add(1, std::memory_order_release);
    update_vdso();
}

u64 realtime_changes() { return state.changes.load(std::memory_order_acquire); }
u64 vdso_data_page() { return state.vdso_page; }
} // namespace clocks
