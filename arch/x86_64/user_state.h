// What signal frames need to know about the FPU state's form.
#pragma once
#include "lib/types.h"

namespace x86 {
extern u32 mxcsr_mask; // bits of MXCSR this CPU has
u64 xstate_features(); // bits of XCR0; 0: FXSAVE only
usize xstate_size();   // bytes of UserState::area in use
} // namespace x86
