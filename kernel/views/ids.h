// User and group IDs as the kernel keeps them: in credentials, of files. They are the same for all user namespaces.
#pragma once
#include "lib/types.h"

/// Types of their own, since what a program calls an ID is another number where its user namespace has a map:
/// UserNamespace (kernel/views/user_namespace.h) turns one into the other.
enum class Kuid : u32 {};
enum class Kgid : u32 {};

namespace ids {
/// Nobody's: calls take it for "leave it as it is".
inline constexpr u32 none = ~u32{0};
inline constexpr Kuid no_user{none};
inline constexpr Kgid no_group{none};
/// What a program is shown of an ID that its user namespace does not map.
inline constexpr u32 overflow = 65534;
} // namespace ids
