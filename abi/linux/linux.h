// The Linux ABI: dispatch of system calls by the one table.
#pragma once
#include "kernel/process/abi.h"

namespace linux_abi {
class Linux final : public Abi {
public:
    std::string_view name() const override { return "linux"; }
    bool claims(const Task&, const exec::Image&) const override { return true; }
    const arch::SyscallHandlers& syscalls(bool traced) const override;
};
extern constinit const Linux abi;

/// Which calls `trace=` shows: "all", or names separated by commas. err::inval: an unknown name.
Result<> set_trace_filter(std::string_view names);
} // namespace linux_abi
