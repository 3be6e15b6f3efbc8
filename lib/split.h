// Texts in parts.
#pragma once
#include "lib/result.h"
#include <string_view>

/// Calls part(std::string_view) -> Result<> for each part of `text` between separators, empty ones too, up to the first
/// error. An empty text is one empty part.
template <class F>
Result<> split(std::string_view text, char separator, F part) {
    while (true) {
        auto end = text.find(separator);
        TRY(part(text.substr(0, end)));
        if (end == text.npos) return {};
        text.remove_prefix(end + 1);
    }
}
