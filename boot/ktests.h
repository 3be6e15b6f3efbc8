// The list of in-kernel tests: empty in the kernels without checks.
#pragma once
#include "core/ktest/ktest.h"

namespace boot {
ktest::List tests();
}
