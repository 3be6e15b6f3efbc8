// From a JSON text (RFC 8259) to a Document. Works in place, without recursion.
//
// Not RapidJSON's reader: it computes a double for every number, even where the handler takes only the text
// (kParseNumbersAsStringsFlag). The kernel has no floating point: on x86_64 that becomes x87 code, which spoils the
// registers of the user's thread; on riscv64 calls of functions that are not linked. Its 1.1 also refuses numbers that
// no double can hold, takes a lone low surrogate, and reads nothing behind a null byte.
#include "container/json.h"

namespace json {
namespace {
constexpr unsigned max_depth = 64;
constexpr u32 max_nodes = 100'000, max_members = 1000; // each new name is compared with those before

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// How many bytes the UTF-8 sequence at the front of `s` has; 0: it is none (Unicode, table 3-7).
usize utf8_size(std::string_view s) {
    auto byte = [&](usize i) { return i < s.size() ? static_cast<u8>(s[i]) : u8{0}; };
    u8 first = byte(0);
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    usize size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    u8 least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    u8 most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < least || byte(1) > most) return 0;
    for (usize i = 2; i < size; i++)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    return size;
}
/// Writes a character's UTF-8; the bytes behind it.
char* put_utf8(char* to, u32 c) {
    if (c < 0x80) return *to = static_cast<char>(c), to + 1;
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    u32 mark = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
    *to++ = static_cast<char>(mark | c >> 6 * more);
    while (more-- > 0) *to++ = static_cast<char>(0x80 | (c >> 6 * more & 0x3f));
    return to;
}
} // namespace

class Reader {
public:
    Reader(Document& document, Complaint& why)
        : nodes_{document.nodes_}, text_{document.text_.data()}, size_{document.text_.size()}, why_{why} {}

    Result<> read() {
        TRY(nodes_.push({}));
        skip_space();
        if (at_ == size_) return fail("is empty: a value is expected");
        TRY(value());
        while (depth_) TRY(element());
        skip_space();
        return at_ == size_ ? Result<>{} : fail("something stands behind the end");
    }

private:
    struct Open {
        u32 node, last_child, members;
    };
    struct Span {
        u32 begin, size;
    };

    std::unexpected<Errno> fail(std::string_view what) {
        why_.say("config.json: line {}: {}", line_, what);
        return err::inval;
    }
    char peek() const { return at_ < size_ ? text_[at_] : '\0'; }
    bool take(char c) { return at_ < size_ && text_[at_] == c && ++at_; }
    void skip_space() {
        for (; at_ < size_; at_++) {
            if (text_[at_] == '\n')
                line_++;
            else if (text_[at_] != ' ' && text_[at_] != '\t' && text_[at_] != '\r')
                return;
        }
    }

    Result<> add(Node node) {
        if (nodes_.size() > max_nodes) {
            why_.say("config.json: more than {} values", max_nodes);
            return err::inval;
        }
        auto index = static_cast<u32>(nodes_.size());
        node.name = name_.begin;
        node.name_size = name_.size;
        name_ = {};
        TRY(nodes_.push(node));
        if (!depth_) return {};
        Open& parent = open_[depth_ - 1];
        (parent.last_child ? nodes_[parent.last_child].next : nodes_[parent.node].first_child) = index;
        parent.last_child = index;
        return {};
    }

    /// What comes next in the innermost array or object: its end, or a further value.
    Result<> element() {
        Open& in = open_[depth_ - 1];
        bool object = nodes_[in.node].kind == Kind::object;
        skip_space();
        if (take(object ? '}' : ']')) return depth_--, Result<>{};
        if (in.last_child && !take(',')) return fail(object ? "a comma or } is expected" : "a comma or ] is expected");
        if (object) TRY(member_name(in));
        return value();
    }
    Result<> member_name(Open& in) {
        skip_space();
        if (peek() != '"') return fail("the name of a member is expected");
        name_ = TRY(string());
        std::string_view name{text_ + name_.begin, name_.size};
        if (++in.members > max_members) {
            why_.say("config.json: an object with more than {} members", max_members);
            return err::inval;
        }
        for (u32 i = nodes_[in.node].first_child; i; i = nodes_[i].next)
            if (std::string_view{text_ + nodes_[i].name, nodes_[i].name_size} == name) {
                why_.say("config.json: \"{}\" stands twice in one object", name);
                return err::inval;
            }
        skip_space();
        return take(':') ? Result<>{} : fail("a colon is expected");
    }

    Result<> value() {
        skip_space();
        switch (peek()) {
        case '{': return open(Kind::object);
        case '[': return open(Kind::array);
        case '"': {
            Span text = TRY(string());
            return add({.kind = Kind::string, .text = text.begin, .text_size = text.size});
        }
        case 't': return word("true", {.kind = Kind::boolean, .truth = true});
        case 'f': return word("false", {.kind = Kind::boolean});
        case 'n': return word("null", {.kind = Kind::null});
        default: return number();
        }
    }
    Result<> open(Kind kind) {
        if (depth_ == max_depth) {
            why_.say("config.json: line {} is nested deeper than {}", line_, max_depth);
            return err::inval;
        }
        at_++;
        TRY(add({.kind = kind}));
        open_[depth_++] = {static_cast<u32>(nodes_.size() - 1), 0, 0};
        return {};
    }
    Result<> word(std::string_view wanted, Node node) {
        if (!std::string_view{text_ + at_, size_ - at_}.starts_with(wanted)) return fail("a value is expected");
        at_ += wanted.size();
        return add(node);
    }

    usize digits() {
        usize from = at_;
        while (is_digit(peek())) at_++;
        return at_ - from;
    }
    /// Kept as it is written: Field asks what it means.
    Result<> number() {
        usize from = at_;
        take('-');
        bool zero = peek() == '0';
        usize whole = digits();
        if (!whole) return fail(at_ == from ? "a value is expected" : "a digit is expected");
        if (zero && whole > 1) return fail("a number starts with 0");
        if (take('.') && !digits()) return fail("a digit is expected");
        if (peek() == 'e' || peek() == 'E') {
            at_++;
            if (!take('+')) take('-');
            if (!digits()) return fail("a digit is expected");
        }
        return add({.kind = Kind::number, .text = static_cast<u32>(from), .text_size = static_cast<u32>(at_ - from)});
    }

    /// Decodes a string where it stands: it only gets shorter.
    Result<Span> string() {
        usize from = ++at_;
        char* to = text_ + from;
        while (true) {
            if (at_ == size_) return fail("a string has no end");
            char c = text_[at_];
            if (c == '"') break;
            if (c == 0) return fail("a null byte");
            if (static_cast<u8>(c) < ' ') return fail("a control character in a string");
            if (c == '\\') {
                to = TRY(escape(to));
                continue;
            }
            usize n = utf8_size({text_ + at_, size_ - at_});
            if (!n) return fail("a string that is not UTF-8");
            while (n--) *to++ = text_[at_++];
        }
        at_++;
        return Span{static_cast<u32>(from), static_cast<u32>(to - (text_ + from))};
    }
    Result<char*> escape(char* to) {
        at_++;
        constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        char c = peek();
        at_++;
        if (auto known = names.find(c); c && known != names.npos) return *to = meanings[known], to + 1;
        if (c != 'u') return fail("an unknown escape in a string");
        u32 unit = TRY(hexadecimal());
        if (unit >= 0xdc00 && unit < 0xe000) return fail("half a character in a string");
        if (unit < 0xd800 || unit >= 0xe000) return put_utf8(to, unit);
        if (!take('\\') || !take('u')) return fail("half a character in a string");
        u32 low = TRY(hexadecimal());
        if (low < 0xdc00 || low >= 0xe000) return fail("half a character in a string");
        return put_utf8(to, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
    }
    Result<u32> hexadecimal() {
        u32 n = 0;
        for (int i = 0; i < 4; i++, at_++) {
            char c = peek();
            u32 digit = is_digit(c) ? static_cast<u32>(c - '0') : static_cast<u32>((c | 0x20) - 'a') + 10;
            if (!is_digit(c) && (digit < 10 || digit > 15)) return fail("four hexadecimal digits are expected");
            n = n << 4 | digit;
        }
        return n;
    }

    Vector<Node>& nodes_;
    char* const text_;
    const usize size_;
    Complaint& why_;
    usize at_ = 0;
    unsigned line_ = 1, depth_ = 0;
    Span name_{}; // of the member whose value comes next
    Open open_[max_depth];
};

Result<Document> Document::parse(Vector<char> text, Complaint& why) {
    if (text.size() > ~u32{0}) return err::fbig;
    Document document;
    document.text_ = std::move(text);
    Reader reader{document, why};
    TRY(reader.read());
    return document;
}
} // namespace json
