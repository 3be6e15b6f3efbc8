// arch/api/user_copy.h for the host: every address of the test's own is user memory; null is not mapped.
#include "arch/api/user_copy.h"
#include <cstring>

namespace arch {
usize copy_in_partial(void* to, uptr from, usize n) {
    if (!from) return 0;
    std::memcpy(to, reinterpret_cast<const void*>(from), n);
    return n;
}
usize copy_out_partial(uptr to, const void* from, usize n) {
    if (!to) return 0;
    std::memcpy(reinterpret_cast<void*>(to), from, n);
    return n;
}
Result<> clear_user(uptr to, usize n) {
    if (!to) return err::fault;
    std::memset(reinterpret_cast<void*>(to), 0, n);
    return {};
}
Result<> copy_in(void* to, uptr from, usize n) {
    if (copy_in_partial(to, from, n) != n) return err::fault;
    return {};
}
Result<> copy_out(uptr to, const void* from, usize n) {
    if (copy_out_partial(to, from, n) != n) return err::fault;
    return {};
}
} // namespace arch
