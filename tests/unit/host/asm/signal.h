// Linux's own header and the C library's <stdlib.h> both name a sigset_t.
#pragma once
#define sigset_t linux_sigset_t
#include_next <asm/signal.h>
#undef sigset_t
