// ioctl(2): what every file knows; the rest is the file's own.
#pragma once
#include "abi/linux/arguments.h"

class Task;

namespace linux_abi {
inline constexpr FlagName ioctl_requests[] = {
    {0x5401, "TCGETS"},    {0x5402, "TCSETS"},    {0x5403, "TCSETSW"},    {0x5404, "TCSETSF"},    {0x540e, "TIOCSCTTY"},
    {0x540f, "TIOCGPGRP"}, {0x5410, "TIOCSPGRP"}, {0x5413, "TIOCGWINSZ"}, {0x5414, "TIOCSWINSZ"}, {0x541b, "FIONREAD"},
    {0x5421, "FIONBIO"},   {0x5450, "FIONCLEX"},  {0x5451, "FIOCLEX"},
};
namespace sys {
Result<i64> ioctl(Task&, Fd, Choice<ioctl_requests> request, uptr argument);
Result<> vhangup(Task&);
} // namespace sys
} // namespace linux_abi
