// Paths and other strings from user space.
#pragma once
#include "abi/linux/arguments.h"
#include "lib/string.h"

namespace linux_abi {
/// A path copied in: short ones (nearly all) stay on the stack.
class PathName {
public:
    /// err::fault; err::nametoolong from PATH_MAX (4,096) bytes on, the null included. "" is fine here: walks refuse
    /// it.
    Result<> load(UserPath from);
    std::string_view view() const { return {long_.empty() ? short_ : long_.data(), size_}; }

private:
    char short_[192];
    Vector<char> long_;
    usize size_ = 0;
};
} // namespace linux_abi
