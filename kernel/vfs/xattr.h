// Extended attributes with xattr(7)'s rules about name spaces and permissions.
#pragma once
#include "kernel/vfs/operations.h"
#include "lib/vector.h"

namespace vfs {
/// err::perm, err::acces, err::opnotsupp (an unknown name space), err::rofs, err::exist, err::nodata, err::nospc.
Result<> set_xattr(const Path&, const Credentials&, std::string_view name, std::span<const std::byte> value, int flags);
/// An empty `to` asks for the size. err::range: too small; err::nodata.
Result<usize> get_xattr(const Path&, const Credentials&, std::string_view name, std::span<std::byte> to);
/// The names, each with a null byte behind it; trusted.* only for who may read them.
Result<Vector<char>> list_xattr(const Path&, const Credentials&);
Result<> remove_xattr(const Path&, const Credentials&, std::string_view name);
} // namespace vfs
