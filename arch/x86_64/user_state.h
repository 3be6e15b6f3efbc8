// What signal frames need to know about the FPU state's form.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include <optional>

namespace x86 {
u64 xstate_features(); // bits of XCR0; 0: FXSAVE only
usize xstate_size();   // bytes of UserState::area in use
/// Gives the current thread's registers of these components (bits of XCR0) the values that programs start with. Without
/// XSAVE: of all.
void reset_fpu(u64 components);

// user_copy.cpp. The address is below arch::user_top with all of the image.
/// The current thread's registers as an XSAVE image (FXSAVE without that). The header there is zero.
Result<> save_fpu_to_user(uptr to);
/// The other way: these components of an XSAVE image, or x87 and SSE of an FXSAVE image. err::fault: it cannot be read,
/// or the CPU refuses what stands in it; the registers hold anything then.
Result<> load_fpu_from_user(uptr from, std::optional<u64> components);
} // namespace x86
