// What the scheduler knows of an address space.
#pragma once
#include "arch/api/paging.h"

/// A tree of page tables whose user half a CPU uses while it runs certain threads. AddressSpace (core/mm) derives from
/// it.
class PageTables {
public:
    arch::PhysAddr page_table_root() const { return root_; }
    /// CPUs that may have entries of the tree in their TLB (one bit each): kept by entered() and left().
    std::atomic<u64> active_cpus{0};
    /// The scheduler calls entered() before use_page_table(page_table_root()), and left() after it has loaded another.
    void entered(unsigned cpu) { active_cpus.fetch_or(u64{1} << cpu); }
    void left(unsigned cpu) { active_cpus.fetch_and(~(u64{1} << cpu)); }

protected:
    ~PageTables() = default;
    arch::PhysAddr root_ = 0;
};

namespace sched {
/// This CPU drops the tables if it has them only because no others have been needed since: a kernel thread runs, or
/// none. Says whether that was so. Interrupts are off.
bool unload_unused(PageTables&);
} // namespace sched
