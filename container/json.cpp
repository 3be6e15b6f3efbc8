#include "container/json.h"
#include <algorithm>

// RapidJSON only ever sees memory that is there: it reads in place, its stack is bounded by the depth we allow.
#define RAPIDJSON_ASSERT(x) ((x) ? (void)0 : __builtin_trap())
#define RAPIDJSON_NEW(x) nullptr
#define RAPIDJSON_DELETE(x) ((void)0)
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#if !__STDC_HOSTED__
// Its number parser names these (a double travels as a u64); scan() lets nothing through that would call them.
extern "C" {
u64 __adddf3(u64 a, u64) { return a; }
u64 __muldf3(u64 a, u64) { return a; }
u64 __floatundidf(u64) { return 0; }
u64 __floatunsidf(u32) { return 0; }
u64 __floatsidf(i32) { return 0; }
int __gedf2(u64, u64) { return -1; }
int __gtdf2(u64, u64) { return -1; }
}
#endif

namespace json {
namespace {
constexpr unsigned max_depth = 64;
constexpr u32 max_nodes = 100'000, max_members = 1000; // each new name is compared with those before

/// The reader's stack: a few bytes per open array or object.
struct StackMemory {
    [[maybe_unused]] static constexpr bool kNeedFree = false;
    void* Malloc(usize n) { return Realloc(nullptr, 0, n); }
    void* Realloc(void*, usize, usize n) { return n <= sizeof bytes ? bytes : nullptr; }
    static void Free(void*) {}
    alignas(16) char bytes[4096];
};
static_assert(max_depth * 16 * 2 <= 4096);

/// Refuses, before the parser runs, what it would need floating point or deep stacks for.
Result<> scan(std::string_view text, Complaint& why) {
    unsigned depth = 0, line = 1, digits = 0;
    bool in_string = false;
    for (usize i = 0; i < text.size(); i++) {
        char c = text[i];
        if (c == '\n') line++;
        if (c == 0) return why.say("config.json: line {} has a null byte", line), err::inval;
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        bool was_number = digits > 0;
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        if (digits > 18) return why.say("config.json: line {} has a number of more than 18 digits", line), err::inval;
        if (was_number && (c == '.' || c == 'e' || c == 'E'))
            return why.say("config.json: line {} has a number that is not whole", line), err::inval;
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth)
            depth--;
        if (depth > max_depth)
            return why.say("config.json: line {} is nested deeper than {}", line, max_depth), err::inval;
    }
    return {};
}
} // namespace

/// Receives RapidJSON's events and builds the tree. False stops the parser; `error` says why.
struct Builder {
    using Ch = char;
    Document& document;
    Complaint& why;
    struct Open {
        u32 node, last_child, members;
    } open[max_depth + 1];
    unsigned depth = 0;
    std::string_view key;
    Errno error = Errno::inval;

    Node* add(Kind kind) {
        auto& nodes = document.nodes_;
        if (nodes.size() > max_nodes) return why.say("config.json: more than {} values", max_nodes), nullptr;
        if (!nodes.push({})) return error = Errno::nomem, nullptr;
        u32 index = static_cast<u32>(nodes.size() - 1);
        if (depth) {
            Open& parent = open[depth - 1];
            (parent.last_child ? nodes[parent.last_child].next : nodes[parent.node].first_child) = index;
            parent.last_child = index;
        }
        Node& node = nodes[index];
        node.kind = kind;
        node.name = std::exchange(key, {});
        return &node;
    }
    bool number(i64 value) {
        Node* n = add(Kind::number);
        if (n) n->number = value;
        return n;
    }
    bool Null() { return add(Kind::null); }
    bool Bool(bool value) {
        Node* n = add(Kind::boolean);
        if (n) n->number = value;
        return n;
    }
    bool Int(int v) { return number(v); }
    bool Uint(unsigned v) { return number(v); }
    bool Int64(i64 v) { return number(v); }
    bool Uint64(u64 v) { return number(static_cast<i64>(v)); } // at most 18 digits
    bool Double(double) { return false; }
    bool RawNumber(const char*, unsigned, bool) { return false; }
    bool String(const char* text, unsigned size, bool) {
        Node* n = add(Kind::string);
        if (n) n->text = {text, size};
        return n;
    }
    bool Key(const char* text, unsigned size, bool) {
        key = {text, size};
        auto& nodes = document.nodes_;
        if (++open[depth - 1].members > max_members)
            return why.say("config.json: an object with more than {} members", max_members), false;
        for (u32 i = nodes[open[depth - 1].node].first_child; i; i = nodes[i].next)
            if (nodes[i].name == key) return why.say("config.json: \"{}\" stands twice in one object", key), false;
        return true;
    }
    bool start(Kind kind) {
        if (depth > max_depth || !add(kind)) return false;
        open[depth++] = {static_cast<u32>(document.nodes_.size() - 1), 0, 0};
        return true;
    }
    bool StartObject() { return start(Kind::object); }
    bool EndObject(unsigned) { return depth--, true; }
    bool StartArray() { return start(Kind::array); }
    bool EndArray(unsigned) { return depth--, true; }
};

Result<Document> Document::parse(Vector<char> text, Complaint& why) {
    TRY(scan({text.data(), text.size()}, why));
    // The reader checks the bytes of a UTF-8 sequence without looking for the end among them.
    for (int i = 0; i < 4; i++) TRY(text.push('\0'));
    Document document;
    document.text_ = std::move(text);
    TRY(document.nodes_.push({}));
    Builder builder{document, why};
    auto memory = TRY(make<StackMemory>());
    rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, StackMemory> reader{memory.get(),
                                                                                       sizeof memory->bytes / 2};
    rapidjson::InsituStringStream stream{document.text_.data()};
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag;
    auto outcome = reader.Parse<flags>(stream, builder);
    if (!outcome.IsError()) return document;
    if (outcome.Code() == rapidjson::kParseErrorTermination) {
        if (why.text().empty() && builder.error != Errno::nomem) why.say("config.json: a number that is not whole");
        return std::unexpected(builder.error);
    }
    auto before = document.text_.data();
    auto line = std::count(before, before + std::min(outcome.Offset(), document.text_.size()), '\n') + 1;
    why.say("config.json: line {}: {}", line, rapidjson::GetParseError_En(outcome.Code()));
    return err::inval;
}

Field Field::operator[](std::string_view name) const {
    const Node* found = nullptr;
    if (node_ && node_->kind == Kind::object)
        for (const Node* n = child(node_); n; n = next(n))
            if (n->name == name) found = n;
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
    if (node_->text.contains('\0')) return refuse("has a null byte");
    return node_->text;
}
Result<std::string_view> Field::string_or(std::string_view otherwise) const {
    return present() ? string() : Result<std::string_view>{otherwise};
}
Result<i64> Field::integer(i64 least, i64 most) const {
    TRY(check(Kind::number));
    if (node_->number >= least && node_->number <= most) return node_->number;
    char text[80];
    BufferWriter out{text};
    print(out, "is not in {}..{}", least, most);
    return refuse(out.text());
}
Result<i64> Field::integer_or(i64 otherwise, i64 least, i64 most) const {
    return present() ? integer(least, most) : Result<i64>{otherwise};
}
Result<bool> Field::boolean_or(bool otherwise) const {
    if (!present()) return otherwise;
    TRY(check(Kind::boolean));
    return node_->number != 0;
}
Result<> Field::check_object() const { return present() ? check(Kind::object) : Result<>{}; }

void Field::print_path(Writer& out) const {
    if (!parent_) return;
    parent_->print_path(out);
    if (name_.empty()) return print(out, "[{}]", index_);
    print(out, "{}{}", parent_->parent_ ? "." : "", name_);
}
void Field::print_value(Writer& out) const {
    switch (kind()) {
    case Kind::boolean: return out.write(node_->number ? "true " : "false ");
    case Kind::number: return print(out, "{} ", node_->number);
    case Kind::string:
        print_string(out, node_->text.substr(0, 60));
        return out.write(node_->text.size() > 60 ? "... " : " ");
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
