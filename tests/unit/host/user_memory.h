// User memory in the host's tests: all of the host's own.
#pragma once
#include "core/mm/address_space.h"
#include "core/sched/thread.h"

namespace host {
/// The next access to the word is a page fault: one that must not sleep fails, another one makes the page present.
void make_absent(const void* at);

/// For a scope: the current thread is one of an address space's.
class InSpace {
public:
    explicit InSpace(AddressSpace& space) { AddressSpace::use(&space); }
    ~InSpace() { AddressSpace::use(nullptr); }
    InSpace(const InSpace&) = delete;
};
} // namespace host
