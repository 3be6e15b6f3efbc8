#include "core/cpu/cross_call.h"
#include "arch/api/irq.h"
#include "arch/api/upcalls.h"
#include "core/cpu/online.h"
#include <bit>

namespace {
/// One call, on the caller's stack until all CPUs have run it.
struct Call {
    void (*function)(void*);
    void* argument;
    std::atomic<unsigned> pending;
};
/// The call's place in one CPU's list.
struct Slot {
    Call* call;
    Slot* next;
};
struct alignas(64) Mailbox {
    std::atomic<Slot*> slots = nullptr;
};
constinit Mailbox mailboxes[arch::max_cpus];
} // namespace

void serve_calls() {
    auto& slots = mailboxes[arch::cpu_id()].slots;
    if (!slots.load(std::memory_order_relaxed)) return;
    Slot* slot = slots.exchange(nullptr, std::memory_order_acquire);
    while (slot) {
        Slot* next = slot->next; // the slot is gone once its call is counted
        Call& call = *slot->call;
        call.function(call.argument);
        call.pending.fetch_sub(1, std::memory_order_release);
        slot = next;
    }
}

void call_on(u64 cpus, void (*function)(void*), void* argument) {
    bool were_on = arch::irqs_save();
    u64 own = u64{1} << arch::cpu_id();
    u64 others = cpus & online_cpus() & ~own;
    Call call{function, argument, static_cast<unsigned>(std::popcount(others))};
    Slot to[arch::max_cpus];
    for (u64 left = others; left; left &= left - 1) {
        unsigned cpu = static_cast<unsigned>(std::countr_zero(left));
        auto& slots = mailboxes[cpu].slots;
        to[cpu] = {&call, slots.load(std::memory_order_relaxed)};
        while (!slots.compare_exchange_weak(to[cpu].next, &to[cpu], std::memory_order_seq_cst));
        arch::send_ipi(cpu);
    }
    if (cpus & own) function(argument);
    while (call.pending.load(std::memory_order_acquire)) {
        serve_calls();
        arch::pause();
    }
    arch::irqs_restore(were_on);
}

void upcall::ipi() { serve_calls(); } // what it may mean else, ThreadHead::work says
