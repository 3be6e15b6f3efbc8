// A JSON text as a tree of fields; each knows its path ("process.args[1]"), so that complaints name it.
#pragma once
#include "lib/format.h"
#include "lib/result.h"
#include "lib/vector.h"

namespace json {
/// Why something was refused, in words for a person: "process.cwd: \"work\" is not an absolute path".
class Complaint {
public:
    template <class... A>
    void say(std::string_view format, const A&... a) {
        BufferWriter out{text_};
        print(out, format, a...);
        size_ = out.text().size();
    }
    std::string_view text() const { return {text_, size_}; }

private:
    char text_[256];
    usize size_ = 0;
};

enum class Kind : u8 { absent, null, boolean, number, string, array, object };

/// A value in the document's pool. Texts are places in the document's.
struct Node {
    Kind kind = Kind::absent;
    bool truth = false;
    u32 text = 0, text_size = 0;   // of a string; of a number, as it is written
    u32 name = 0, name_size = 0;   // in an object
    u32 first_child = 0, next = 0; // indices in the pool; 0: none
};

/// A parsed text. The strings are decoded in place: the document owns the bytes.
class Document {
public:
    /// err::inval with a complaint: not JSON (with the line), deeper than 64, more than 100,000 values, a name twice in
    /// one object.
    static Result<Document> parse(Vector<char> text, Complaint&);

private:
    friend class Field;
    friend class Reader;
    std::string_view text(const Node& n) const { return {text_.data() + n.text, n.text_size}; }
    std::string_view name(const Node& n) const { return {text_.data() + n.name, n.name_size}; }
    Vector<char> text_;
    Vector<Node> nodes_; // [0] is unused, [1] the root
};

/// A place in a document, whether something is there or not. Holds its parents: use as a local variable only.
class Field {
public:
    Field(const Document& document, Complaint& complaint)
        : document_{document}, complaint_{complaint}, node_{&document.nodes_[1]} {}

    bool present() const { return node_ && node_->kind != Kind::null; }
    Kind kind() const { return node_ ? node_->kind : Kind::absent; }
    /// A member of this object; absent when there is none, or when this is absent. This must outlive it.
    Field operator[](std::string_view name) const;

    // The value; the error is err::inval with a complaint that names the field, what it is and what it must be.
    Result<std::string_view> string() const;
    Result<std::string_view> string_or(std::string_view otherwise) const;
    Result<i64> integer(i64 least, i64 most) const;
    Result<u64> natural(u64 most) const; // from 0
    Result<i64> integer_or(i64 otherwise, i64 least, i64 most) const;
    Result<bool> boolean_or(bool otherwise) const;
    /// Absent is fine; present must be of this kind.
    Result<> check_kind(Kind wanted) const { return present() ? check(wanted) : Result<>{}; }

    /// Calls visit(element) for each element of this array, stops at the first error. Absent: nothing. Duplicate use of
    /// a name in an object is refused by parse().
    template <class F>
    Result<> for_each(F visit) const {
        if (!present()) return {};
        TRY(check(Kind::array));
        u32 i = 0;
        for (const Node* n = child(node_); n; n = next(n)) TRY(visit(Field{*this, n, i++}));
        return {};
    }
    /// The same for the members of an object; name() is the member's.
    template <class F>
    Result<> for_each_member(F visit) const {
        if (!present()) return {};
        TRY(check(Kind::object));
        for (const Node* n = child(node_); n; n = next(n)) TRY(visit(Field{*this, n, document_.name(*n)}));
        return {};
    }
    std::string_view name() const { return name_; }
    bool empty() const { return !present() || !child(node_); }

    /// "path: value what": to be returned. `what` completes the sentence: "is not an absolute path".
    std::unexpected<Errno> refuse(std::string_view what) const;

private:
    Field(const Field& parent, const Node* node, std::string_view name)
        : document_{parent.document_}, complaint_{parent.complaint_}, parent_{&parent}, node_{node}, name_{name} {}
    Field(const Field& parent, const Node* node, u32 index)
        : document_{parent.document_}, complaint_{parent.complaint_}, parent_{&parent}, node_{node}, index_{index} {}
    Result<> check(Kind) const;
    std::string_view text() const { return document_.text(*node_); }
    template <class T>
    Result<T> number(T least, T most) const;
    const Node* child(const Node* n) const { return n->first_child ? &document_.nodes_[n->first_child] : nullptr; }
    const Node* next(const Node* n) const { return n->next ? &document_.nodes_[n->next] : nullptr; }
    void print_path(Writer&) const;
    void print_value(Writer&) const;

    const Document& document_;
    Complaint& complaint_;
    const Field* parent_ = nullptr;
    const Node* node_ = nullptr;
    std::string_view name_;
    u32 index_ = 0;
};

/// Writes a string with quotes and escapes.
void print_string(Writer&, std::string_view);
} // namespace json
