#include "core/alloc/account.h"
#include "core/alloc/frame_pool.h"
#include "core/cpu/thread_base.h"
#include "core/sync/lock.h"
#include <algorithm>

namespace {
// The heap keeps a bit of each number for itself, and one number stands for "nobody's".
constexpr unsigned max_accounts = 0x7fff, accounts_per_page = 64;
static_assert(accounts_per_page * sizeof(MemoryAccount) <= page_size);

constinit MemoryAccount kernel_account; // index 0
/// Pages of accounts; made when needed, never freed: frames and objects hold indices into them.
constinit std::atomic<MemoryAccount*> pages[max_accounts / accounts_per_page + 1];

struct Slots {
    unsigned made = 0; // a page's worth at a time
    unsigned next = 1; // those before it are taken, but for some that were closed before the last byte came back
};
constinit Guarded<Slots, Spinlock<Rank::accounts>> all_slots;
} // namespace

MemoryAccount& MemoryAccount::kernel() { return kernel_account; }
MemoryAccount& MemoryAccount::current() {
    ThreadBase* thread = ThreadBase::running();
    return thread ? *thread->account : kernel();
}

MemoryAccount& MemoryAccount::at(u16 index) {
    if (index == 0) return kernel_account;
    return pages[index / accounts_per_page].load(std::memory_order_acquire)[index % accounts_per_page];
}

MemoryAccount* MemoryAccount::take_free(unsigned first, unsigned end) {
    for (unsigned i = first; i < end; i++) {
        MemoryAccount& a = at(static_cast<u16>(i));
        if (a.open_.load(std::memory_order_relaxed) || a.used_.load(std::memory_order_acquire)) continue;
        a.index_ = static_cast<u16>(i);
        return &a;
    }
    return nullptr;
}

Result<MemoryAccount*> MemoryAccount::create(u64 limit_bytes) {
    FrameRef page;
    for (bool settled = false;;) {
        {
            auto slots = all_slots.lock();
            MemoryAccount* free = take_free(slots->next, slots->made);
            if (!free) free = take_free(1, slots->next < slots->made ? slots->next : slots->made);
            if (!free && page) {
                auto* accounts = static_cast<MemoryAccount*>(page.release()->data());
                for (unsigned i = 0; i < accounts_per_page; i++) new (accounts + i) MemoryAccount;
                pages[slots->made / accounts_per_page].store(accounts, std::memory_order_release);
                unsigned first = slots->made ? slots->made : 1; // 0 is the kernel's
                slots->made = std::min(slots->made + accounts_per_page, max_accounts);
                free = take_free(first, slots->made);
            }
            if (free) {
                slots->next = free->index_ + 1u;
                free->peak_ = free->failures_ = 0;
                free->set_limit(limit_bytes);
                free->open_ = true;
                return free;
            }
            if (slots->made == max_accounts && settled) return err::nomem;
        }
        if (!std::exchange(settled, true)) {
            mm::settle_idle_objects();
            continue;
        }
        page = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, 0, &kernel_account));
    }
}

Charging::Charging(MemoryAccount& account) : before_{std::exchange(ThreadBase::running()->account, &account)} {}
Charging::~Charging() { ThreadBase::running()->account = before_; }

void MemoryAccount::close() {
    if (!index_) return;
    auto slots = all_slots.lock();
    open_.store(false, std::memory_order_release);
    if (index_ < slots->next) slots->next = index_;
}

constinit std::atomic<MemoryAccount*> MemoryAccount::asking_ = nullptr;

void MemoryAccount::set_limit(u64 bytes) {
    limit_.store(bytes, std::memory_order_relaxed);
    watermark_.store(bytes == ~u64{0} ? bytes : bytes - bytes / 16, std::memory_order_relaxed);
}

bool MemoryAccount::has_enough() const {
    if (!index_) return mm::free_memory() >= mm::low_watermark() * 3 / 2;
    return limit() == ~u64{0} || used() <= limit() - limit() / 8;
}
bool MemoryAccount::has_little() const {
    if (!index_) return mm::free_memory() < mm::low_watermark() * 4 / 5; // of which containers may not take 3
    return limit() != ~u64{0} && used() > limit() - limit() / 32;
}

void MemoryAccount::ask_for_reclaim() {
    if (!asked_.load(std::memory_order_relaxed) && !asked_.exchange(true, std::memory_order_acquire)) {
        next_asking_ = asking_.load(std::memory_order_relaxed);
        while (!asking_.compare_exchange_weak(next_asking_, this, std::memory_order_release)) {}
    }
    ThreadBase* thread = ThreadBase::running();
    if (thread && any_asks()) thread->work.fetch_or(arch::work_reclaim);
}

[[gnu::noinline]] Result<> MemoryAccount::charge_near_limit(u64 used, u64 bytes) {
    ask_for_reclaim();
    if (used <= limit()) return {};
    uncharge(bytes);
    failures_.fetch_add(1, std::memory_order_relaxed);
    return err::nomem;
}

Result<> MemoryAccount::charge(u64 bytes) {
    u64 now = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (now > watermark_.load(std::memory_order_relaxed)) [[unlikely]] { TRY(charge_near_limit(now, bytes)); }
    u64 peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {}
    return {};
}
