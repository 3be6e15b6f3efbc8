#include "devices.h"
#include "core/rng/rng.h"

void* (*host::map_device)(arch::PhysAddr, usize) = nullptr;
host::Given host::random_given;

const arch::BootInfo& arch::boot_info() {
    static const BootInfo none;
    return none;
}
bool arch::is_reserved(PhysAddr start, u64 size) { return start + size < start || start < host::memory_end; }
void* arch::map_device(PhysAddr at, usize size) { return host::map_device ? host::map_device(at, size) : nullptr; }

void rng::mix_interrupt(unsigned) {}
void rng::add(std::string_view, std::span<const std::byte> bytes, unsigned) {
    host::random_given = {bytes.size(), bytes.empty() ? std::byte{} : bytes[0], host::random_given.times + 1};
}
