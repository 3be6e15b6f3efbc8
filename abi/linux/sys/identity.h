// Who a task is and what it may use: ids, groups, capabilities, resource limits.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include <linux/capability.h>
#include <linux/resource.h>

namespace linux_abi::sys {
Result<u32> getuid(Task&);
Result<u32> geteuid(Task&);
Result<u32> getgid(Task&);
Result<u32> getegid(Task&);
Result<> getresuid(Task&, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved);
Result<> getresgid(Task&, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved);
Result<> setuid(Task&, u32);
Result<> setgid(Task&, u32);
Result<> setreuid(Task&, u32 real, u32 effective);
Result<> setregid(Task&, u32 real, u32 effective);
Result<> setresuid(Task&, u32 real, u32 effective, u32 saved);
Result<> setresgid(Task&, u32 real, u32 effective, u32 saved);
Result<u32> setfsuid(Task&, u32);
Result<u32> setfsgid(Task&, u32);
Result<int> getgroups(Task&, int size, UserPtr<u32> list);
Result<> setgroups(Task&, int size, UserPtr<const u32> list);
Result<> capget(Task&, UserPtr<__user_cap_header_struct>, UserPtr<__user_cap_data_struct>);
Result<> capset(Task&, UserPtr<__user_cap_header_struct>, UserPtr<const __user_cap_data_struct>);
Result<> getrlimit(Task&, u32 resource, UserPtr<rlimit64>);
Result<> setrlimit(Task&, u32 resource, UserPtr<const rlimit64>);
Result<> prlimit64(Task&, int pid, u32 resource, UserPtr<const rlimit64> to_set, UserPtr<rlimit64> old);
} // namespace linux_abi::sys
