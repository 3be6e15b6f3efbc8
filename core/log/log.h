// The kernel's log: lines on the console and in a ring (read by syslog(2) and /dev/kmsg).
#pragma once
#include "lib/format.h"

enum class LogLevel : u8 { emergency, alert, critical, error, warning, notice, info, debug }; // syslog(2)'s

namespace log_detail {
/// A line under construction on the caller's stack; written in one piece when it goes.
class Line final : public Writer {
public:
    explicit Line(LogLevel level) : level_{level} {}
    ~Line();
    void write(std::string_view) override;

private:
    LogLevel level_;
    usize used_ = 0;
    char text_[240];
};
} // namespace log_detail

/// One line, without the newline. From any context. Levels up to the console level (`loglevel=`, default warning) are
/// printed.
template <class... A>
void log(LogLevel level, std::string_view format, const A&... a) {
    log_detail::Line line{level};
    print(line, format, a...);
}
void set_console_log_level(LogLevel);
/// Copies the newest lines that fit, oldest first; returns bytes.
usize read_log(std::span<char> to);
usize log_size();
