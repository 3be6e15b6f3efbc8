// The list of in-kernel tests.
#pragma once
#include "core/ktest/ktest.h"

namespace boot {
ktest::List tests();
}
