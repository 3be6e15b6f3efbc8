// A device's registers: little-endian, in memory or in x86's port space.
#pragma once
#include "arch/api/platform.h"
#include "arch/api/port_io.h"
#include "lib/result.h"

namespace bus {
/// A view of registers. Copies freely; the mapping stays for ever. Not ordered with memory: arch/api/dma.h.
class Registers {
public:
    Registers() = default;
    /// err::nomem: no room to map them.
    static Result<Registers> map(const arch::RegisterRange& range) {
        if (range.io_space) return Registers{range.start, range.size, true};
        if (void* at = arch::map_device(range.start, range.size)) return Registers{at, range.size};
        return err::nomem;
    }
    /// What is mapped already; a test's memory.
    Registers(void* at, u64 size) : Registers{reinterpret_cast<uptr>(at), size, false} {}

    u64 size() const { return size_; }
    /// err::range: it is not all inside. `offset` and `size` may be anything.
    Result<Registers> part(u64 offset, u64 size) const {
        if (offset > size_ || size > size_ - offset) return err::range;
        return Registers{base_ + offset, size, io_space_};
    }
    /// Offsets are the driver's own and inside: what a device said has gone through part().
    template <class T>
    T read(u64 offset) const {
        if constexpr (sizeof(T) <= 4)
            if (io_space_) return arch::read_port<T>(static_cast<u16>(base_ + offset));
        return *reinterpret_cast<const volatile T*>(base_ + offset);
    }
    template <class T>
    void write(u64 offset, T value) const {
        if constexpr (sizeof(T) <= 4)
            if (io_space_) return arch::write_port<T>(static_cast<u16>(base_ + offset), value);
        *reinterpret_cast<volatile T*>(base_ + offset) = value;
    }
    /// Two halves, for devices that take 32 bits at a time.
    void write_halves(u64 offset, u64 value) const {
        write<u32>(offset, static_cast<u32>(value));
        write<u32>(offset + 4, static_cast<u32>(value >> 32));
    }

private:
    Registers(uptr base, u64 size, bool io_space) : base_{base}, size_{size}, io_space_{io_space} {}
    uptr base_ = 0;
    u64 size_ = 0;
    bool io_space_ = false;
};
} // namespace bus
