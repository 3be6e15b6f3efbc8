// Devices that the command line names.
#pragma once
#include "arch/api/platform.h"
#include "lib/result.h"
#include <string_view>

namespace bus {
/// SIZE@ADDRESS:LINE[:ID], SIZE with K or M behind it, the others decimal or 0x: Linux's admin-guide on
/// virtio_mmio.device=. err::inval.
Result<arch::PlatformDevice> parse_virtio_word(std::string_view value);
} // namespace bus
