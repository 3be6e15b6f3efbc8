#include "kernel/views/namespaces.h"

u64 namespaces::next_number(u64 first) {
    static constinit std::atomic<u64> next = 0xf000'1000;
    return first ? first : next.fetch_add(1, std::memory_order_relaxed);
}

Result<Ref<TimeNamespace>> TimeNamespace::create(clocks::Offsets ahead) {
    constexpr i64 most = static_cast<i64>(~u64{0} >> 2); // as on Linux: so no clock comes to its end
    for (i64 offset : {ahead.monotonic, ahead.boottime}) {
        i64 shown;
        if (__builtin_add_overflow(static_cast<i64>(clocks::monotonic_ns()), offset, &shown)) return err::range;
        if (shown < 0 || shown > most) return err::range;
    }
    bool none = !ahead.monotonic && !ahead.boottime;
    auto page = none ? nullptr : TRY(clocks::VdsoPage::create(ahead));
    return TRY(make_ref<TimeNamespace>(ahead, std::move(page)));
}

void UtsNamespace::set_host(std::string_view name) {
    names.lock()->host.assign(name);
    host_changes.fetch_add(1, std::memory_order_release);
    changed.notify_all();
}
void UtsNamespace::set_domain(std::string_view name) {
    names.lock()->domain.assign(name);
    domain_changes.fetch_add(1, std::memory_order_release);
    changed.notify_all();
}
