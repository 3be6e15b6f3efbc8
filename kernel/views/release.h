// What uname(2) and /proc/version say the kernel is: programs look at the release to know what they may use.
#pragma once
#include <string_view>

namespace release {
inline constexpr std::string_view system = "Linux";
inline constexpr std::string_view release = "6.6.0-rundlet";
inline constexpr std::string_view version = "#1 SMP PREEMPT Rundlet";
} // namespace release
