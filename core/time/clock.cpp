#include "core/time/clock.h"
#include "arch/api/clock.h"
#include "arch/api/vdso.h"
#include "core/check/panic.h"
#include "core/sync/lock.h"
#include "core/time/scale.h"
#include "core/time/vdso_page.h"
#include <linux/time.h>

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
constinit VdsoPage* pages = nullptr; // of all time namespaces, by `next_`: under `state.setting`

void put(arch::VdsoData& to, std::initializer_list<int> numbers, i64 ns) {
    for (int n : numbers) to.offset_ns[n].store(static_cast<u64>(ns), std::memory_order_relaxed);
}
/// Each clock is read with one load of the offset, here and in the vDSO.
void put_wall_offset(arch::VdsoData& to) {
    put(to, {CLOCK_REALTIME, CLOCK_REALTIME_COARSE}, state.realtime_offset.load(std::memory_order_relaxed));
}
void set_offset(i64 ns) {
    state.realtime_offset.store(ns, std::memory_order_relaxed);
    put_wall_offset(*state.vdso);
}
arch::VdsoData& make_data(Frame& frame) {
    auto& made = *new (frame.data()) arch::VdsoData{};
    made.mult = state.to_ns.factor;
    made.base_counter = state.base_counter;
    return made;
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
    state.vdso = &make_data(*frame);
    state.vdso_page = frame->address();
    set_offset(static_cast<i64>(arch::read_wall_clock() * ns_per_second));
}

u64 monotonic_ns() { return state.to_ns(arch::counter() - state.base_counter); }

u64 counter_at(Deadline at) { return at == never ? ~u64{0} : state.base_counter + state.to_ticks(at.ns) + 1; }

i64 realtime_ns() { return static_cast<i64>(monotonic_ns()) + state.realtime_offset.load(std::memory_order_relaxed); }

void move_realtime(i64 ns) {
    Holding held{state.setting};
    set_offset(ns - static_cast<i64>(monotonic_ns()));
    for (VdsoPage* page = pages; page; page = page->next_) put_wall_offset(page->data());
    state.changes.fetch_add(1, std::memory_order_release);
}

u64 realtime_changes() { return state.changes.load(std::memory_order_acquire); }
u64 vdso_data_page() { return state.vdso_page; }

arch::VdsoData& VdsoPage::data() const { return *static_cast<arch::VdsoData*>(frame_->data()); }

Result<Ref<VdsoPage>> VdsoPage::create(Offsets ahead) {
    auto made = TRY(make_ref<VdsoPage>(TRY(mm::allocate_frame(FrameUse::kernel))));
    auto& data = make_data(*made->frame_.get());
    put(data, {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE}, ahead.monotonic);
    put(data, {CLOCK_BOOTTIME}, ahead.boottime);
    Holding held{state.setting};
    put_wall_offset(data);
    made->next_ = std::exchange(pages, made.get());
    return made;
}
VdsoPage::~VdsoPage() {
    Holding held{state.setting};
    VdsoPage** at = &pages;
    while (*at != this) at = &(*at)->next_;
    *at = next_;
}
} // namespace clocks
