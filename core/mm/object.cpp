#include "core/mm/address_space_impl.h"
#include "core/mm/page_tree.h"
#include <algorithm>

void MemoryObject::unmap(u64 first, u64 n, bool private_too) {
    u64 last = first + n < first ? ~u64{0} : first + n; // exclusive
    // Before any entry is looked at: a fault that has its page already, but not yet its entry, sees this and starts
    // over.
    generation_.fetch_add(1, std::memory_order_seq_cst);
    auto areas = mappings_.lock();
    for (Area& area : *areas) {
        u64 area_first = area.offset >> page_shift, area_last = area_first + (area.size() >> page_shift);
        u64 from = first > area_first ? first : area_first, to = last < area_last ? last : area_last;
        if (from >= to) continue;
        uptr start = area.start + ((from - area_first) << page_shift),
             end = area.start + ((to - area_first) << page_shift);
        bool all = area.shared || private_too;
        area.space->impl().zap(*area.space, start, end, all ? Zap::all : Zap::not_anonymous);
    }
}

bool MemoryObject::is_locked(u64 index) {
    auto areas = mappings_.lock();
    return std::ranges::any_of(*areas, [&](const Area& area) {
        u64 first = area.offset >> page_shift;
        return area.locked && index >= first && index - first < area.size() >> page_shift;
    });
}

namespace {
/// MAP_SHARED | MAP_ANONYMOUS.
class SharedMemory final : public MemoryObject {
public:
    explicit SharedMemory(u64 pages) : limit_{pages} {}

    Result<FrameRef> page(u64 index, bool for_write) override {
        if (index >= limit_) return err::nxio;
        auto content = content_.lock();
        if (for_write) {
            auto owned = TRY(content->pages.own(index));
            if (owned.changed && content->holes_mapped) unmap(index, 1, false);
            return std::move(owned.frame);
        }
        FrameRef found = content->pages.find(index);
        if (found) return found;
        content->holes_mapped = true;
        return FrameRef::share(mm::zero_frame());
    }
    Result<> punch(u64 first, u64 n) override {
        auto content = content_.lock();
        unmap(first, n, false);
        return content->pages.erase(first, n);
    }
    u64 resident() override { return content_.lock()->pages.pages(); }
    void present_pages(u64 first, std::span<FrameRef> out) override {
        auto content = content_.lock();
        if (first < limit_) content->pages.find_range(first, out.first(std::min<u64>(out.size(), limit_ - first)));
    }

private:
    struct Content {
        PageTree pages{FrameUse::shared};
        bool holes_mapped = false; // somebody may map the zero page where a page comes to stand
    };
    u64 limit_;
    Guarded<Content, Mutex<Rank::inode>> content_;
};
} // namespace

Result<Ref<MemoryObject>> make_shared_memory(u64 bytes) {
    return TRY(make_ref<SharedMemory>(page_up(bytes) >> page_shift));
}
