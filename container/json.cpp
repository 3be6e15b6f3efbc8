#include "container/json.h"
namespace json {
namespace {
struct Whole {
    bool negative = false, beyond = false; // beyond: of more than 64 bits
    u64 size = 0;
};

/// What a number means. err::inval: it is not whole.
Result<Whole> whole(std::string_view text) {
    constexpr i64 far = 1'000'000'000; // for exponents: more than any text has digits
    bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    auto e = text.find_first_of("eE");
    std::string_view digits = text.substr(0, e);
    i64 exponent = 0;
    if (e != text.npos) {
        std::string_view rest = text.substr(e + 1);
        bool below = rest.starts_with('-');
        for (char c : rest)
            if (c >= '0' && c <= '9' && exponent < far) exponent = exponent * 10 + (c - '0');
        if (below) exponent = -exponent;
    }
    usize point = digits.find('.'), end = digits.find_last_not_of("0.");
    Whole n{.negative = negative};
    if (end == digits.npos) return n;
    // The number is the digits up to `end`, and `zeros` zeros.
    i64 places = static_cast<i64>(point == digits.npos ? digits.size() : point) - 1;
    i64 zeros = exponent + places - static_cast<i64>(end) + (end > point ? 1 : 0);
    if (zeros < 0) return err::inval;
    auto append = [&](char digit) {
        n.beyond = n.beyond || __builtin_mul_overflow(n.size, u64{10}, &n.size) ||
                   __builtin_add_overflow(n.size, static_cast<u64>(digit - '0'), &n.size);
    };
    for (usize i = 0; i <= end && !n.beyond; i++)
        if (digits[i] != '.') append(digits[i]);
    for (; zeros && !n.beyond; zeros--) append('0');
    return n;
}
} // namespace

Field Field::operator[](std::string_view name) const {
    const Node* found = nullptr;
    if (node_ && node_->kind == Kind::object)
        for (const Node* n = child(node_); n; n = next(n))
            if (document_.name(*n) == name) found = n;
    return Field{*this, found, name};
}

static std::string_view kind_text(Kind kind) {
    switch (kind) {
    case Kind::boolean: return "true or false";
    case Kind::number: return "a number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
    default: return "present";
    }
}

Result<> Field::check(Kind wanted) const {
    if (kind() == wanted) return {};
    if (!present()) return refuse(wanted == Kind::string ? "is missing: it must be a string" : "is missing");
    char text[64];
    BufferWriter out{text};
    print(out, "is not {}", kind_text(wanted));
    return refuse(out.text());
}
Result<std::string_view> Field::string() const {
    TRY(check(Kind::string));
    if (text().contains('\0')) return refuse("has a null byte");
    return text();
}
Result<std::string_view> Field::string_or(std::string_view otherwise) const {
    return present() ? string() : Result<std::string_view>{otherwise};
}
template <class T>
Result<T> Field::number(T least, T most) const {
    TRY(check(Kind::number));
    auto value = whole(text());
    if (!value) return refuse("is not a whole number");
    u64 above = static_cast<u64>(most), below = 0 - static_cast<u64>(least);
    bool fits = value->negative ? least <= 0 && value->size <= below : most >= 0 && value->size <= above;
    T n = static_cast<T>(value->negative ? 0 - value->size : value->size);
    if (fits && !value->beyond && n >= least) return n;
    char words[80];
    BufferWriter out{words};
    print(out, "is not in {}..{}", least, most);
    return refuse(out.text());
}
Result<i64> Field::integer(i64 least, i64 most) const { return number(least, most); }
Result<u64> Field::natural(u64 most) const { return number(u64{0}, most); }
Result<i64> Field::integer_or(i64 otherwise, i64 least, i64 most) const {
    return present() ? integer(least, most) : Result<i64>{otherwise};
}
Result<bool> Field::boolean_or(bool otherwise) const {
    if (!present()) return otherwise;
    TRY(check(Kind::boolean));
    return node_->truth;
}

void Field::print_path(Writer& out) const {
    if (!parent_) return;
    parent_->print_path(out);
    if (name_.empty()) return print(out, "[{}]", index_);
    print(out, "{}{}", parent_->parent_ ? "." : "", name_);
}
void Field::print_value(Writer& out) const {
    constexpr usize most = 60;
    switch (kind()) {
    case Kind::boolean: return out.write(node_->truth ? "true " : "false ");
    case Kind::number: out.write(text().substr(0, most)); return out.write(text().size() > most ? "... " : " ");
    case Kind::string: print_string(out, text().substr(0, most)); return out.write(text().size() > most ? "... " : " ");
    case Kind::array: return out.write("[...] ");
    case Kind::object: return out.write("{...} ");
    default: return;
    }
}
std::unexpected<Errno> Field::refuse(std::string_view what) const {
    char text[240];
    BufferWriter out{text};
    if (parent_)
        print_path(out);
    else
        out.write("config.json");
    out.write(": ");
    print_value(out);
    out.write(what);
    complaint_.say("{}", out.text());
    return err::inval;
}

void print_string(Writer& out, std::string_view s) {
    out.write("\"");
    for (char c : s) {
        if (c == '"' || c == '\\')
            print(out, "\\{}", c);
        else if (static_cast<u8>(c) < ' ')
            print(out, "\\u{:04x}", static_cast<u8>(c));
        else
            out.write({&c, 1});
    }
    out.write("\"");
}
} // namespace json
