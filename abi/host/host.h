// The Host ABI: what init and ctr speak.
#pragma once
#include "kernel/process/abi.h"

namespace host_abi {
class Host final : public Abi {
public:
    std::string_view name() const override { return "host"; }
    /// Images with the note, in the host world.
    bool claims(const Task&, const exec::Image&) const override;
    const arch::SyscallHandlers& syscalls(bool traced) const override;
};
extern constinit const Host abi;
} // namespace host_abi
