// /proc/pid/smaps, smaps_rollup: where the memory of a process goes, area by area.
#include "core/mm/area_use.h"
#include "fs/proc/items.h"
#include <linux/mman.h>

namespace proc {
namespace {
/// `kinds`: also what the pages are of, which a single area tells by itself.
void print_use(Writer& out, const mm::AreaUse& u, bool kinds) {
    struct {
        std::string_view name;
        u64 bytes;
        bool of_kinds = false;
    } lines[] = {{"Rss:", u.resident * page_size},
                 {"Pss:", u.pss_bytes},
                 {"Pss_Dirty:", u.pss_dirty_bytes},
                 {"Pss_Anon:", u.pss_anonymous_bytes, true},
                 {"Pss_File:", u.pss_bytes - u.pss_anonymous_bytes - u.pss_shared_bytes, true},
                 {"Pss_Shmem:", u.pss_shared_bytes, true},
                 {"Shared_Clean:", u.shared_clean * page_size},
                 {"Shared_Dirty:", u.shared_dirty * page_size},
                 {"Private_Clean:", u.private_clean * page_size},
                 {"Private_Dirty:", u.private_dirty * page_size},
                 {"Referenced:", u.resident * page_size},
                 {"Anonymous:", u.anonymous * page_size},
                 {"KSM:", 0},
                 {"LazyFree:", 0},
                 {"AnonHugePages:", u.huge * page_size},
                 {"ShmemPmdMapped:", 0},
                 {"FilePmdMapped:", 0},
                 {"Shared_Hugetlb:", 0},
                 {"Private_Hugetlb:", 0},
                 {"Swap:", 0},
                 {"SwapPss:", 0},
                 {"Locked:", u.locked * page_size}};
    for (const auto& l : lines)
        if (kinds || !l.of_kinds) print(out, "{:<16}{:>8} kB\n", l.name, l.bytes / KiB);
}
} // namespace

Result<bool> print_smaps(Writer& out, const Context& c, u64& at) {
    auto space = space_of(*c.task);
    auto area = space ? space->area_after(at) : err::noent;
    if (!area) return false;
    print_area(out, *area);
    for (std::string_view name : {"Size:", "KernelPageSize:", "MMUPageSize:"})
        print(out, "{:<16}{:>8} kB\n", name, (name == "Size:" ? area->end - area->start : page_size) / KiB);
    print_use(out, mm::area_use(*space, area->start, area->end), false);
    print(out, "THPeligible:    {:>8}\nVmFlags:{}{}{}{} mr mw me{}{}{}\n", area->may_be_huge ? 1 : 0,
          area->access & arch::page_read ? " rd" : "", area->access & arch::page_write ? " wr" : "",
          area->access & arch::page_execute ? " ex" : "", area->shared ? " sh" : "", area->dont_dump ? " dd" : "",
          area->huge_advice == MADV_HUGEPAGE ? " hg" : "", area->huge_advice == MADV_NOHUGEPAGE ? " nh" : "");
    at = area->end;
    return true;
}

Result<> print_smaps_rollup(Writer& out, const Context& c) {
    auto space = space_of(*c.task);
    if (!space) return err::srch;
    mm::AreaUse sum;
    uptr first = 0, last = 0;
    for (uptr at = 0;;) {
        auto area = space->area_after(at);
        if (!area) break;
        if (!last) first = area->start;
        sum.add(mm::area_use(*space, area->start, area->end));
        at = last = area->end;
        if (Thread::current().killed()) return err::intr;
    }
    print(out, "{:08x}-{:08x} ---p 00000000 00:00 0 {:>31}\n", first, last, "[rollup]");
    print_use(out, sum, true);
    return {};
}
} // namespace proc
