// The inside of AddressSpace, for core/mm only.
#pragma once
#include "arch/api/frame.h"
#include "core/alloc/page_table.h"
#include "core/mm/area_set.h"
#include "core/time/vdso_page.h"

enum class Zap : u8 {
    all,
    not_anonymous, // pages of the object only; copies of a private mapping stay
};

struct AddressSpace::Impl {
    static constexpr uptr lowest = 64 * KiB;  // vm.mmap_min_addr
    static constexpr usize max_areas = 65530; // vm.max_map_count

    /// Areas, tables, limits, breaks. Page faults share it: they add tables and entries.
    RwMutex<Rank::address_space> lock;
    /// Areas taken out, to be destroyed when `lock` is no longer held: they may hold the last reference to an open
    /// file, whose end takes locks that stand above.
    bi::list<Area, bi::base_hook<ListLink<MemoryObject>>, bi::constant_time_size<false>> dead;
    /// Holds `lock` for a scope that may take areas out.
    class [[nodiscard]] Change {
    public:
        explicit Change(Impl& of) : impl_{of} { impl_.lock.lock(); }
        ~Change() {
            decltype(dead) gone;
            gone.swap(impl_.dead);
            impl_.lock.unlock();
            gone.clear_and_dispose([](Area* a) { delete a; });
        }
        Change(const Change&) = delete;

    private:
        Impl& impl_;
    };
    AreaSet areas;
    MemoryLimits limits;
    uptr map_base = arch::user_top - 128 * MiB - AreaSet::stack_gap;
    uptr map_hint = 0; // where the last mapping was placed: the search goes on below it
    uptr break_start = 0, break_end = 0;
    Ref<clocks::VdsoPage> vdso_page; // what is mapped below the vDSO, unless it is the machine's
    AddressSpace::Locking lock_future = AddressSpace::Locking::none;
    u64 total = 0, data = 0, locked = 0; // pages
    u64 peak_total = 0;
    std::atomic<u64> peak_resident = 0;
    std::atomic<u64> tables = 1;                          // frames of page tables, the root's too
    std::atomic<i64> anonymous = 0, file = 0, shared = 0; // resident pages
    std::atomic<u64> huge_pages = 0;                      // of 2 MiB, within `anonymous`
    bool huge_disabled = false;
    bool whole_span = false; // what is being filled by the holder of `lock` is the whole of 2 MiB

    /// Entries of level 0, among those who share `lock` and against MemoryObject::unmap(), which does not take it.
    /// Tables appear with `lock` shared and go under both.
    Spinlock<Rank::page_table> entries;

    // address_space.cpp: with `lock` held.
    void tally(const Area&, int sign);
    void set_locked(Area&, bool locked);
    void link(Area&);
    void unlink(Area&);
    Result<> split(Area&, uptr at);
    /// Makes [start, end) begin and end at area boundaries; so many areas will go then. err::nomem: max_areas.
    Result<> split_range(uptr start, uptr end, usize leaving = 0);
    void extend(Area&, usize more); // upwards, into free space
    void merge_around(Area&);
    bool merge_with_next(Area&);
    void remove_range(AddressSpace&, uptr start, uptr end); // at boundaries; cannot fail
    Result<uptr> place(const MapRequest&, usize size);
    Result<> check_limits(const MapRequest&, usize size, u64 replaced_pages);
    Result<uptr> map(AddressSpace&, const MapRequest&);

    // fault.cpp
    bool grow_stack(Area&, uptr address);
    /// What a fault needs that cannot be done while `lock` is shared.
    struct Need {
        bool stack = false;       // it has to grow
        Ref<MemoryObject> object; // has to fetch this page
        u64 index = 0;
        explicit operator bool() const { return stack || object; }
        /// Without locks; afterwards the fault is tried again if this says `resolved`.
        FaultOutcome meet(Impl&, uptr address);
    };
    /// With `lock` shared. If there is a need, the outcome means nothing.
    FaultOutcome resolve(AddressSpace&, uptr address, arch::PageFlags access, bool force, Need&);
    /// The frame behind an address, made present; with `write`, this space's own (or the shared object's).
    Result<FrameRef> page_for_kernel(AddressSpace&, uptr address, bool write, bool force, Need&);

    // space_tables.cpp
    std::atomic<i64>& counter(const Frame& f) {
        return f.use == FrameUse::anonymous ? anonymous : f.use == FrameUse::shared ? shared : file;
    }
    /// Takes pages out of [start, end), which has no huge ones. `lock` need not be held.
    void zap(AddressSpace&, uptr start, uptr end, Zap);
    /// Frees tables that [start, end) no longer needs. `lock` is held.
    void prune(AddressSpace&, uptr start, uptr end);
    void change_access(AddressSpace&, const Area&, uptr start, uptr end);
    /// For fork: pages of a private area also into `to`, read-only on both sides. `wrote`: entries lost their write
    /// bit.
    Result<> share_pages(AddressSpace& from, AddressSpace& to, const Area&, bool& wrote);
    /// For mremap: entries of [old, old + size) to `to`. The tables for `to` exist (prepare_move).
    Result<> prepare_move(AddressSpace&, uptr old, uptr to, usize size);
    void move_pages(AddressSpace&, uptr old, uptr to, usize size);

    // huge.cpp: pages of 2 MiB. Each lies within one private area without an object; all with `lock` held. What is
    // called ..._all is the function of that name for ordinary pages and huge ones.
    /// For a fault whose tables do not reach down to level 0: makes them, and returns the entry of `at`. Where a huge
    /// page stands, or is put by this call because the area shall have one and memory is at hand, `stand_in`, which
    /// tells that all is there.
    Result<arch::Pte*> entry_or_huge(AddressSpace&, Area&, uptr at, bool write, arch::Pte& stand_in);
    /// Turns huge pages with a part in [start, end) into ordinary ones.
    void split_huge(AddressSpace&, uptr start, uptr end);
    /// Likewise one on both sides of `at`.
    void split_huge_at(AddressSpace&, uptr at);
    void zap_all(AddressSpace&, uptr start, uptr end);
    /// Areas begin and end at `start` and `end`.
    void change_access_all(AddressSpace&, const Area&, uptr start, uptr end);
    Result<> prepare_move_all(AddressSpace&, uptr old, uptr to, usize size);
    void move_pages_all(AddressSpace&, uptr old, uptr to, usize size);
};

/// A private area has got a page of its own. With the space's lock shared.
inline void note_copied(Area& a) {
    std::atomic_ref copied{a.copied};
    if (!copied.load(std::memory_order_relaxed)) copied.store(true, std::memory_order_relaxed);
}

namespace mm {
inline constexpr uptr huge_size = page_table::span_of(1);
/// Whether the area's kind and place allow a huge page.
bool may_be_huge(const Area&);
} // namespace mm

namespace tlb {
/// Forgets [start, end) on every CPU that runs the space; returns when all have. After the entries have been changed.
void flush(AddressSpace&, uptr start, uptr end);
} // namespace tlb

/// What the hardware is given: reading comes with any other right, as x86 has it, so that every fault can be resolved.
inline arch::PageFlags hardware_flags(arch::PageFlags access) {
    if (access & (arch::page_write | arch::page_execute)) access = access | arch::page_read;
    return access & arch::page_read ? access | arch::page_user : arch::page_user;
}
