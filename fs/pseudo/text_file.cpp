#include "fs/pseudo/text_file.h"
#include "kernel/file/current.h"
#include <linux/fs.h>

namespace pseudo {
namespace {
constexpr usize most_stored = 4096;
} // namespace

Result<usize> TextFile::read(Sink& to, u64* at) {
    if (!item_.lasting && is_gone(context_)) return err::srch;
    auto text = text_.lock();
    if (!item_.at_open && (*at == 0 || *at < text->begins || !text->made)) TRY(start(*text));
    usize sum = 0;
    while (!to.done()) {
        std::string_view piece = text->piece.text();
        if (*at >= text->begins + piece.size()) {
            if (!text->more) break;
            if (Thread::current().killed()) return sum ? Result<usize>{sum} : err::intr;
            text->begins += piece.size();
            if (auto next = next_piece(*text); !next) return sum ? Result<usize>{sum} : std::unexpected(next.error());
            continue;
        }
        piece.remove_prefix(*at - text->begins);
        auto n = to.put(std::as_bytes(std::span{piece}));
        if (!n) return sum ? Result<usize>{sum} : n;
        *at += *n;
        sum += *n;
        if (*n < piece.size()) break;
    }
    return sum;
}

Result<usize> TextFile::write(Source& from, u64* at) {
    if (!item_.store) return err::io;
    if (is_gone(context_)) return err::srch;
    if (from.remaining() >= most_stored) return err::inval;
    Vector<char> bytes;
    TRY(bytes.resize(from.remaining()));
    // Bytes that were taken count as written, whatever comes after.
    usize n = TRY(from.peek(std::as_writable_bytes(std::span{bytes.data(), bytes.size()})));
    std::string_view text{bytes.data(), n};
    while (!text.empty() && (text.back() == '\n' || text.back() == 0)) text.remove_suffix(1);
    TRY(item_.store(text, context_));
    *at += n;
    return from.skip(n);
}

Result<u64> TextFile::seek(u64 at, i64 offset, int whence) {
    bool known = whence == SEEK_SET || whence == SEEK_CUR || (whence == SEEK_END && item_.size);
    i64 base = whence == SEEK_CUR ? static_cast<i64>(at) : whence == SEEK_END ? i64{item_.size} : 0, to;
    if (!known || __builtin_add_overflow(base, offset, &to) || to < 0) return err::inval;
    return static_cast<u64>(to);
}

Result<> TextFile::start(Text& text) {
    text.made = false; // until all has gone well
    text.begins = text.record = 0;
    if (item_.print_record) return next_piece(text);
    text.piece.clear();
    if (item_.print)
        item_.print(text.piece, context_);
    else
        TRY(item_.try_print(text.piece, context_));
    return finish(text);
}

/// The next records, some pages of them.
Result<> TextFile::next_piece(Text& text) {
    constexpr usize enough = 4 * page_size;
    text.made = false;
    text.piece.clear();
    do text.more = TRY(item_.print_record(text.piece, context_, text.record));
    while (text.more && text.piece.text().size() < enough);
    return finish(text);
}

Result<> TextFile::finish(Text& text) {
    if (text.piece.failed()) return err::nomem;
    // What was printed may be of a program that has been started since the file was opened, with other rights.
    if (auto* who = file::credentials(); who && item_.restricted && context_.process)
        TRY(process::may_inspect(*who, *context_.process));
    text.made = true;
    return {};
}
} // namespace pseudo
