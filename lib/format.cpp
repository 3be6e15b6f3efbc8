#include "lib/format.h"

namespace format_detail {
namespace {

/// Zeros or spaces.
void pad(Writer& out, unsigned n, char with) {
    constexpr std::string_view spaces = "                                ", zeros = "00000000000000000000000000000000";
    std::string_view many = with == '0' ? zeros : spaces;
    for (; n > many.size(); n -= static_cast<unsigned>(many.size())) out.write(many);
    out.write(many.substr(0, n));
}

void put(Writer& out, const Spec& spec, std::string_view sign, std::string_view body) {
    usize used = sign.size() + body.size();
    unsigned fill = spec.width > used ? spec.width - static_cast<unsigned>(used) : 0;
    if (fill && !spec.left && !spec.zero) pad(out, fill, ' ');
    out.write(sign);
    if (fill && spec.zero) pad(out, fill, '0');
    out.write(body);
    if (fill && spec.left) pad(out, fill, ' ');
}

void print_one(Writer& out, const Spec& spec, const Arg& a) {
    if (a.kind == Arg::Kind::text) return put(out, {spec.left, false, false, spec.width, 's'}, "", a.text);
    if (a.kind == Arg::Kind::character || spec.type == 'c') {
        char c = static_cast<char>(a.number);
        return put(out, {spec.left, false, false, spec.width, 's'}, "", {&c, 1});
    }
    bool upper = spec.type == 'X';
    unsigned base = upper || spec.type == 'x' ? 16 : spec.type == 'o' ? 8 : 10;
    char digits[24];
    char* at = digits + sizeof digits;
    u64 n = a.number;
    do *--at = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[n % base];
    while (n /= base);
    std::string_view sign = a.kind == Arg::Kind::negative ? "-" : spec.prefix && base == 16 ? "0x" : "";
    put(out, spec, sign, {at, static_cast<usize>(digits + sizeof digits - at)});
}

Spec parse(std::string_view s) {
    Spec spec;
    if (s.starts_with(':')) s.remove_prefix(1);
    for (char c : s) {
        if (c == '<')
            spec.left = true;
        else if (c == '#')
            spec.prefix = true;
        else if (c == '0' && spec.width == 0)
            spec.zero = true;
        else if (c >= '0' && c <= '9')
            spec.width = spec.width * 10 + static_cast<unsigned>(c - '0');
        else if (c != '>')
            spec.type = c;
    }
    return spec;
}
} // namespace

void run(Writer& out, std::string_view format, std::span<const Arg> args) {
    usize next = 0;
    while (!format.empty()) {
        usize open = format.find('{');
        if (open == std::string_view::npos) return out.write(format);
        if (open) out.write(format.substr(0, open));
        format.remove_prefix(open + 1);
        if (format.starts_with('{')) { // "{{" prints one brace
            out.write("{");
            format.remove_prefix(1);
            continue;
        }
        usize close = format.find('}');
        if (close == std::string_view::npos || next >= args.size()) return out.write("{?}");
        print_one(out, parse(format.substr(0, close)), args[next++]);
        format.remove_prefix(close + 1);
    }
}
} // namespace format_detail
