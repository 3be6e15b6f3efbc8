// A user address space: an ordered set of areas over memory objects, and the page tables that follow it lazily.
#pragma once
#include "core/mm/object.h"
#include "core/sched/page_tables.h"
#include "core/sched/thread.h"
#include "lib/result.h"
#include "lib/string.h"

namespace clocks {
class VdsoPage;
}

/// A range of addresses with one protection and one source.
struct Area : TreeLink<>, ListLink<MemoryObject> {
    uptr start = 0, end = 0;      // whole pages
    arch::PageFlags access{};     // read, write, execute: what mprotect gave
    arch::PageFlags max_access{}; // what mprotect may give (a shared mapping of a read-only file: no write)
    bool shared = false;          // MAP_SHARED: writes reach the object
    bool grows_down = false;      // the stack
    bool locked = false;          // mlock
    bool dont_fork = false, wipe_on_fork = false, dont_dump = false; // madvise
    int huge_advice = 0;                                             // MADV_HUGEPAGE, MADV_NOHUGEPAGE, or 0
    bool special = false;                                            // vDSO, devices: never merged, not remapped
    bool copied = false;                                             // a private area that may have pages of its own
    arch::PhysAddr physical = 0;                                     // special: the memory that is mapped
    u64 offset = 0;                                                  // in the object, bytes
    Ref<MemoryObject> object;                                        // null: private anonymous
    Ref<MappingSource> source;                                       // null: anonymous
    FixedString<15> label; // "[stack]", "[heap]", "[vdso]": for /proc/pid/maps
    class AddressSpace* space = nullptr;
    usize size() const { return end - start; }
};

struct MapRequest {
    uptr address = 0; // a hint, or the place when fixed
    uptr below = 0;   // where it ends at the most, unless fixed; 0: anywhere
    usize size = 0;
    arch::PageFlags access{};
    arch::PageFlags max_access = arch::page_read | arch::page_write | arch::page_execute;
    bool shared = false, fixed = false, replace = true; // replace=false: MAP_FIXED_NOREPLACE
    bool grows_down = false, populate = false, locked = false, special = false;
    bool no_reserve = false;     // MAP_NORESERVE: no check against the machine's memory
    int huge_advice = 0;         // as Area's
    arch::PhysAddr physical = 0; // with special: this memory, whose frames are not counted
    u64 offset = 0;
    Ref<MemoryObject> object; // null: the source's, if there is one
    Ref<MappingSource> source;
    FixedString<15> label;
};

/// The limits that mmap(2) and brk(2) obey; set by the kernel from rlimits. Bytes.
struct MemoryLimits {
    u64 address_space = ~u64{0}, data = ~u64{0}, stack = 8 * MiB, locked = 8 * MiB;
};

enum class FaultOutcome { resolved, no_mapping, no_access, bus_error, no_memory };

struct SpaceUsage { // pages
    u64 total, resident, anonymous, file, shared, data, stack, text, locked, page_tables, peak_resident, peak_total;
};

/// Holders: RefCounted by tasks that run in it (the last exit or exec tears it down). All functions take the lock
/// themselves. Errors are those of the Linux call of the same name.
class AddressSpace : public PageTables, public RefCounted<AddressSpace> {
public:
    static Result<Ref<AddressSpace>> create();
    /// Everything unmapped, tables freed. Runs in the last holder's thread.
    ~AddressSpace();

    /// That a thread runs in; null for kernel threads.
    static AddressSpace* of(const Thread& thread) { return static_cast<AddressSpace*>(thread.page_tables()); }
    /// Switches the current thread to another (exec, exit: null). The caller keeps both alive.
    static void use(AddressSpace* space) { Thread::use_page_tables(space); }

    /// For fork: areas copied, private pages shared copy-on-write.
    Result<Ref<AddressSpace>> clone();

    Result<uptr> map(const MapRequest&);
    Result<> unmap(uptr start, usize size);
    Result<> protect(uptr start, usize size, arch::PageFlags access);
    Result<uptr> remap(uptr old_start, usize old_size, usize new_size, unsigned flags, uptr new_start); // MREMAP_*
    Result<> advise(uptr start, usize size, int advice);                                                // MADV_*
    /// Locked pages are there at once, or stay once they have been touched.
    enum class Locking { none, now, on_fault };
    Result<> lock_pages(uptr start, usize size, Locking); // mlock, munlock
    Result<> lock_all(Locking current, Locking future);   // mlockall; both none: munlockall
    Result<> populate(uptr start, usize size, bool for_write);
    /// Whether the space gets no huge pages whatever an area is advised: PR_SET_THP_DISABLE. A clone inherits it.
    void disable_huge_pages(bool);
    bool huge_pages_disabled();
    /// One byte per page: resident or not. err::nomem: a hole.
    Result<> residency(uptr start, std::span<u8> out);
    /// msync: what shared mappings of files have changed is written back.
    Result<> sync(uptr start, usize size, int flags);
    Result<uptr> set_break(uptr address); // brk: returns the break, changed or not
    void init_break(uptr start);
    /// Maps the vDSO and, just below, its data page; sets layout.vdso. Null: the page of the machine's clocks.
    Result<> map_vdso(Ref<clocks::VdsoPage>);

    /// A page fault by user code or a user copy. Grows stacks, fills pages, copies on write. Runs with interrupts on.
    FaultOutcome fault(uptr address, arch::PageFlags access);
    /// Reads or writes another process's memory (ptrace, /proc/pid/mem, cmdline, environ). Returns bytes moved.
    usize read_memory(uptr address, std::span<std::byte> to);
    usize write_memory(uptr address, std::span<const std::byte> from, bool force);

    /// What a futex at `address` is keyed by: (object, page offset) in shared areas, (this, address) else.
    struct FutexKey {
        const void* object;
        u64 offset;
        bool operator==(const FutexKey&) const = default;
    };
    /// The key, and for a shared one a reference that keeps `object` alive. err::fault: not mapped.
    Result<FutexKey> futex_key(uptr address, Ref<MemoryObject>* keep_alive);

    /// A copy of the first area that ends beyond `address`: for printers that cannot hold the lock.
    struct AreaInfo {
        uptr start, end;
        arch::PageFlags access;
        bool shared;
        bool grows_down;  // the stack
        bool copied;      // a private one that may have pages of its own
        bool special;     // the vDSO, devices
        bool dont_dump;   // MADV_DONTDUMP
        bool may_be_huge; // get pages of 2 MiB
        int huge_advice;
        u64 offset;
        Ref<MappingSource> source;
        FixedString<15> label;
    };
    Result<AreaInfo> area_after(uptr address);

    SpaceUsage usage();
    u64 peak_resident(); // pages: SpaceUsage's, without the walk over the areas
    void set_limits(const MemoryLimits&);
    /// Where mmap() looks from, downwards. By default below a stack of 128 MiB; exec sets it from the stack's limit and
    /// a random offset.
    void set_map_base(uptr);

    /// Addresses the exec loader records, for /proc/pid/stat and prctl.
    struct Layout {
        uptr code_start, code_end, data_start, data_end, brk_start, stack_start;
        uptr arguments_start, arguments_end, environment_start, environment_end;
        uptr vdso;
    } layout{};

    /// The auxiliary vector as exec made it, whatever the program does to its stack; null before. Clones share it.
    struct Auxiliary : RefCounted<Auxiliary> {
        explicit Auxiliary(Vector<u64> made) : words{std::move(made)} {}
        const Vector<u64> words;
    };
    Ref<Auxiliary> auxiliary;

    struct Impl; // areas, locks, counters: core/mm/address_space_impl.h. Only core/mm looks inside.
    Impl& impl() { return *impl_; }

private:
    AddressSpace(); // by create()
    Result<> punch(uptr start, uptr end);
    Box<Impl> impl_;
};
