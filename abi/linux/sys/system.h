// The system as a whole: its names, memory, log, end; random numbers.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include <linux/sysinfo.h>
#include <linux/utsname.h>

namespace linux_abi::sys {
Result<> uname(Task&, UserPtr<new_utsname>);
Result<> sethostname(Task&, UserPtr<const char> name, int size);
Result<> setdomainname(Task&, UserPtr<const char> name, int size);
Result<> sysinfo(Task&, UserPtr<struct sysinfo>);
Result<i64> syslog(Task&, int action, UserPtr<char> buffer, int size);
Result<> reboot(Task&, u32 magic1, u32 magic2, u32 command, uptr argument);
Result<usize> getrandom(Task&, UserSpan<char> to, u32 flags);
} // namespace linux_abi::sys
