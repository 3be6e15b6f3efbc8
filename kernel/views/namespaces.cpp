#include "kernel/views/namespaces.h"

u64 namespaces::next_number(u64 first) {
    static constinit std::atomic<u64> next = 0xf000'1000;
    return first ? first : next.fetch_add(1, std::memory_order_relaxed);
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
