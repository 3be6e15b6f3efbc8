#include "kernel/file/block_on.h"
#include "kernel/process/exec/load.h"
#include <asm/fcntl.h>
#include <cstring>

namespace exec {
namespace {
constexpr usize line_max = 256; // what Linux looks at of a file

std::string_view trim(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

struct Line {
    std::string_view interpreter, argument;
};
/// Linux's rules: the interpreter, and all the rest as one argument. A line that does not end in the first 256 bytes is
/// fine if the interpreter's name does; then the last of them is lost. `whole`: the text is all there is.
Result<Line> parse(std::string_view text, bool whole) {
    usize end = text.find('\n');
    if (!whole && end == std::string_view::npos) {
        usize name = text.find_first_not_of(" \t");
        if (name == std::string_view::npos || text.find_first_of(" \t", name) == std::string_view::npos)
            return err::noexec;
        end = text.size() - 1;
    }
    std::string_view line = trim(text.substr(0, end));
    usize space = line.find_first_of(" \t");
    if (line.empty()) return end == std::string_view::npos ? err::acces : err::noexec; // the file named "" is a folder
    if (space == std::string_view::npos) return Line{line, {}};
    return Line{line.substr(0, space), trim(line.substr(space))};
}
} // namespace

Result<bool> follow_script(Task& task, Request& request) {
    char text[line_max];
    Sink sink{std::as_writable_bytes(std::span{text})};
    usize size = TRY(file::read_at(*request.file, sink, 0));
    std::string_view head{text, size};
    if (!head.starts_with("#!")) return false;
    if (usize null = head.find('\0'); null != std::string_view::npos) head = head.substr(0, null);
    Line line = TRY(parse(head.substr(2), head.size() < line_max));
    if (request.path_is_unreachable) return err::noent;

    String interpreter = TRY(String::create(line.interpreter));
    String argument = TRY(String::create(line.argument));
    String script = TRY(String::create(request.interpreter.empty() ? request.path : request.interpreter.view()));
    auto& arguments = request.arguments;
    if (!arguments.empty()) arguments.erase(0);
    TRY(arguments.insert(0, std::move(script)));
    if (!argument.empty()) TRY(arguments.insert(0, std::move(argument)));
    TRY(arguments.insert(0, TRY(interpreter.clone())));

    auto walker = task.walker();
    request.file =
        TRY(vfs::open(walker, interpreter, {.flags = O_RDONLY | vfs::open_for_execution, .walk = vfs::walk_follow}));
    request.interpreter = std::move(interpreter);
    return true;
}
} // namespace exec
