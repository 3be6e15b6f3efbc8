// Texts of error numbers, for people.
#pragma once
#include "lib/result.h"
#include <string_view>

/// "no such file or directory".
std::string_view errno_text(Errno);
