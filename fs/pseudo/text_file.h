// An open text.
#pragma once
#include "fs/pseudo/item.h"
#include "kernel/vfs/open_file.h"

namespace pseudo {
/// Made anew whenever it is read from the start. Of one that is printed in records, a piece is kept; a read that goes
/// back starts over.
class TextFile : public vfs::PlacedFile {
public:
    TextFile(const vfs::Path& path, u32 file_flags, const Item& item, const Context& context)
        : PlacedFile{path, file_flags}, item_{item}, context_{context} {}
    /// For a text that is made when it is opened: nobody else has the file yet.
    Result<> make() { return start(text_.unguarded()); }
    bool seekable() const override { return true; }
    /// As Linux: what is about the system says that it is ready, what is about a process cannot be asked.
    bool pollable() override { return !context_.process; }
    Result<usize> read(Sink&, u64* at) override;
    Result<usize> write(Source&, u64* at) override;
    Result<u64> seek(u64 at, i64 offset, int whence) override;
    Result<> truncate(u64) override { return {}; }
    Result<> sync(const SyncRange& range) override { return item_.size ? Result<>{} : PlacedFile::sync(range); }

private:
    struct Text {
        TextWriter piece;
        u64 begins = 0; // the piece's place in the text
        u64 record = 0; // behind the piece's last one
        bool more = false, made = false;
    };
    Result<> start(Text&);
    Result<> next_piece(Text&);
    Result<> finish(Text&);

protected:
    const Item& item_;
    const Context context_;

private:
    Guarded<Text, Mutex<Rank::file_io>> text_;
};

/// Opens a text as a TextFile, or a class made from it.
template <class Kind, class... A>
Result<Ref<File>> open_text(const vfs::Path& path, u32 flags, const Item& item, const Context& context, A&&... more) {
    auto file = TRY(make_ref<Kind>(path, flags, item, context, std::forward<A>(more)...));
    if (item.at_open && file->readable()) TRY(file->make());
    return file;
}
} // namespace pseudo
