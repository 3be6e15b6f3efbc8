// Names and texts of error numbers, for people.
#pragma once
#include "lib/result.h"
#include <string_view>

/// "noent" for Errno::noent: Linux's name without the E, in lower case. Internal numbers have names as well.
std::string_view errno_name(Errno);
/// "no such file or directory".
std::string_view errno_text(Errno);
