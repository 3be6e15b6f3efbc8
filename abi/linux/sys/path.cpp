#include "abi/linux/sys/path.h"

namespace linux_abi {
Result<> PathName::load(UserPath from) {
    constexpr usize path_max = 4096; // PATH_MAX
    long_.clear();
    auto n = arch::copy_string_in(short_, from.address(), sizeof short_);
    if (n) {
        size_ = *n;
        return {};
    }
    if (n.error() != Errno::nametoolong) return std::unexpected(n.error());
    TRY(long_.resize(path_max));
    size_ = TRY(arch::copy_string_in(long_.data(), from.address(), path_max));
    return {};
}
} // namespace linux_abi
