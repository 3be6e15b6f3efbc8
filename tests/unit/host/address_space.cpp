// An address space of the host's tests: all of them see the host's own memory. What differs is who finds whose futexes.
#include "core/mm/address_space.h"
#include "core/sched/thread.h"

struct AddressSpace::Impl {};
AddressSpace::AddressSpace() = default;
AddressSpace::~AddressSpace() { sched::unload(*this); }

Result<Ref<AddressSpace>> AddressSpace::create() {
    auto* made = new (std::nothrow) AddressSpace;
    if (!made) return err::nomem;
    return Ref<AddressSpace>::adopt(made);
}

/// All of the host's memory is one shared object.
Result<AddressSpace::FutexKey> AddressSpace::futex_key(uptr address, Ref<MemoryObject>*) {
    static constexpr char object = 0;
    return FutexKey{&object, address};
}
