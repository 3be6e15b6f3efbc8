// What signal frames need to know about the FPU state's form.
#pragma once
#include "lib/result.h"
#include "lib/types.h"

namespace x86 {
extern u32 mxcsr_mask; // bits of MXCSR this CPU has
u64 xstate_features(); // bits of XCR0; 0: FXSAVE only
usize xstate_size();   // bytes of UserState::area in use

// user_copy.cpp. Both leave an address that is beyond user space, or not on 64 bytes, to the caller.
/// The current thread's registers as an XSAVE image (FXSAVE without that). The header there is zero.
Result<> save_fpu_to_user(uptr to);
/// The other way. False when the image cannot be read or loaded: the registers hold anything then.
bool load_xstate_from_user(uptr from);
} // namespace x86
