#include "core/mm/account.h"
#include "core/mm/frame.h"
#include "core/sync/lock.h"

namespace {
constexpr unsigned max_accounts = 4096, accounts_per_page = 64;
static_assert(accounts_per_page * sizeof(MemoryAccount) <= page_size);

constinit MemoryAccount kernel_account; // index 0
/// Pages of accounts; made when needed, never freed: frames and objects hold indices into them.
constinit std::atomic<MemoryAccount*> pages[max_accounts / accounts_per_page];
constinit Spinlock<Rank::accounts> creation;
} // namespace

MemoryAccount& MemoryAccount::kernel() { return kernel_account; }

MemoryAccount& MemoryAccount::at(u16 index) {
    if (index == 0) return kernel_account;
    return pages[index / accounts_per_page].load(std::memory_order_acquire)[index % accounts_per_page];
}

Result<MemoryAccount*> MemoryAccount::create(u64 limit_bytes) {
    for (unsigned p = 0; p < max_accounts / accounts_per_page; p++) {
        if (!pages[p].load(std::memory_order_acquire)) {
            FrameRef frame = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, 0, &kernel_account));
            Holding hold{creation};
            if (!pages[p].load(std::memory_order_relaxed)) {
                auto* accounts = static_cast<MemoryAccount*>(frame.release()->data());
                for (unsigned i = 0; i < accounts_per_page; i++) new (accounts + i) MemoryAccount;
                pages[p].store(accounts, std::memory_order_release);
            }
        }
        Holding hold{creation};
        for (unsigned i = p == 0 ? 1 : 0; i < accounts_per_page; i++) {
            MemoryAccount& a = pages[p].load(std::memory_order_relaxed)[i];
            if (a.open_.load(std::memory_order_relaxed) || a.used_.load(std::memory_order_acquire)) continue;
            a.index_ = static_cast<u16>(p * accounts_per_page + i);
            a.peak_ = a.failures_ = 0;
            a.limit_ = limit_bytes;
            a.open_ = true;
            return &a;
        }
    }
    return err::nomem;
}

void MemoryAccount::close() { open_.store(false, std::memory_order_release); }

Result<> MemoryAccount::charge(u64 bytes) {
    u64 now = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (now > limit_.load(std::memory_order_relaxed)) [[unlikely]] {
        uncharge(bytes);
        failures_.fetch_add(1, std::memory_order_relaxed);
        return err::nomem;
    }
    u64 peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {}
    return {};
}
