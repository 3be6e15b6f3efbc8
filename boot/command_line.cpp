#include "boot/command_line.h"
#include <algorithm>
#include <charconv>

namespace boot {
std::string_view next_word(std::string_view& rest) {
    usize start = rest.find_first_not_of(" \t\n");
    if (start == std::string_view::npos) return rest = {};
    rest.remove_prefix(start);
    if (rest[0] == '"') {
        usize end = rest.find('"', 1);
        std::string_view word = rest.substr(1, end == std::string_view::npos ? end : end - 1);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        return word;
    }
    usize end = std::min(rest.find_first_of(" \t\n"), rest.size());
    std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end);
    return word;
}

namespace {
LogLevel level(std::string_view text, LogLevel otherwise) {
    unsigned n = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    return error == std::errc{} && n <= 7 ? static_cast<LogLevel>(n) : otherwise;
}

constexpr std::string_view device_word = "virtio_mmio.device=";

/// Where the device words at the end of the line begin.
usize without_device_words(std::string_view line) {
    for (usize end = line.size();;) {
        std::string_view rest = line.substr(0, line.substr(0, end).find_last_not_of(" \t\n") + 1);
        usize last = rest.find_last_of(" \t\n") + 1; // 0: there is one word
        if (!rest.substr(last).starts_with(device_word)) return end;
        end = last;
    }
}
} // namespace

CommandLine parse_command_line(std::string_view line) {
    CommandLine result;
    result.words = line;
    while (!line.empty()) {
        std::string_view word = next_word(line);
        if (word == "--") {
            result.words.remove_suffix(line.size());
            usize end = without_device_words(line);
            result.init_arguments = line.substr(0, end);
            result.device_words = line.substr(end);
            break;
        }
        std::string_view name = word.substr(0, word.find('='));
        std::string_view value = name.size() < word.size() ? word.substr(name.size() + 1) : std::string_view{};
        if (name == "init" && !value.empty())
            result.init = value;
        else if (name == "loglevel")
            result.console_level = level(value, result.console_level);
        else if (word == "quiet")
            result.console_level = LogLevel::error;
        else if (word == "debug")
            result.console_level = LogLevel::debug;
        else if (name == "trace")
            result.trace = value.empty() ? std::string_view{"all"} : value;
        else if (name == "ktest")
            result.ktest = value;
        else if (name == "ip")
            result.ip = value;
        else if (name == "watchdog")
            (void)std::from_chars(value.data(), value.data() + value.size(), result.watchdog_ms);
    }
    // Trace lines are notices; who asks for them wants to see them.
    if (result.trace) result.console_level = std::max(result.console_level, LogLevel::notice);
    return result;
}

void each_device_word(const CommandLine& line, void (*visit)(std::string_view value)) {
    for (std::string_view rest : {line.words, line.device_words})
        for (std::string_view word; !(word = next_word(rest)).empty();)
            if (word.starts_with(device_word)) visit(word.substr(device_word.size()));
}
} // namespace boot
