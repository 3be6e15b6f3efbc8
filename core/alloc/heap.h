// The kernel's heap, for the operators new and delete that stand on it. Everybody else uses make() and make_ref().
#pragma once
#include "lib/types.h"

namespace mm {
/// `align` is a power of two. Charged to the current account. Null: no memory, or over the limit.
void* allocate_object(usize size, usize align);
void release_object(void*); // null is fine
} // namespace mm
