#include "fs/proc/node.h"
#include "kernel/file/current.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/permission.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

namespace proc {
namespace {
constexpr usize most_stored = 4096;

/// An open text: made anew whenever it is read from the start. Of one that is printed in records, a piece is kept; a
/// read that goes back starts over.
class TextFile : public vfs::PlacedFile {
public:
    TextFile(const vfs::Path& path, u32 file_flags, const Item& item, Context context)
        : PlacedFile{path, file_flags}, item_{item}, context_{std::move(context)} {}
    bool seekable() const override { return true; }
    /// As Linux: what is about the system says that it is ready, what is about a process cannot be asked.
    bool pollable() override { return !context_.process; }
    /// For a text that is made when it is opened: nobody else has the file yet.
    Result<> make() { return start(text_.unguarded()); }
    Result<usize> read(Sink& to, u64* at) override {
        if (goes_with_process() && is_gone(context_)) return err::srch;
        auto text = text_.lock();
        if (!item_.at_open && (*at == 0 || *at < text->begins || !text->made)) TRY(start(*text));
        usize sum = 0;
        while (!to.done()) {
            std::string_view piece = text->piece.text();
            if (*at >= text->begins + piece.size()) {
                if (!text->more) break;
                if (Thread::current().killed()) return sum ? Result<usize>{sum} : err::intr;
                text->begins += piece.size();
                if (auto next = go_on(*text); !next) return sum ? Result<usize>{sum} : std::unexpected(next.error());
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
    Result<usize> write(Source& from, u64* at) override {
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
    Result<u64> seek(u64 at, i64 offset, int whence) override {
        i64 to;
        if (whence != SEEK_SET && whence != SEEK_CUR) return err::inval;
        if (__builtin_add_overflow(whence == SEEK_CUR ? static_cast<i64>(at) : 0, offset, &to) || to < 0)
            return err::inval;
        return static_cast<u64>(to);
    }
    Result<> truncate(u64) override { return {}; }

private:
    /// What was opened with the memory or the mounts of a process outlives it, as the memory's end or the text.
    bool goes_with_process() const { return !item_.of_memory && !item_.of_mounts && !item_.at_open; }
    struct Text {
        TextWriter piece;
        u64 begins = 0; // the piece's place in the text
        u64 record = 0; // behind the piece's last one
        bool more = false, made = false;
    };
    Result<> start(Text& text) {
        text.made = false; // until all has gone well
        text.begins = text.record = 0;
        if (item_.print_record) return go_on(text);
        text.piece.clear();
        TRY(item_.print(text.piece, context_));
        return finish(text);
    }
    /// The next records, some pages of them.
    Result<> go_on(Text& text) {
        constexpr usize enough = 4 * page_size;
        text.made = false;
        text.piece.clear();
        do text.more = TRY(item_.print_record(text.piece, context_, text.record));
        while (text.more && text.piece.text().size() < enough);
        return finish(text);
    }
    Result<> finish(Text& text) {
        if (text.piece.failed()) return err::nomem;
        // What was printed may be of a program that has been started since the file was opened, with other rights.
        if (auto* who = file::credentials(); who && item_.restricted && context_.process)
            TRY(may_inspect(*who, *context_.process));
        text.made = true;
        return {};
    }
    const Item& item_;
    const Context context_;
    Guarded<Text, Mutex<Rank::file_io>> text_;
};

/// mounts and mountinfo: readable always; a change since the last look is told once, as an error and priority data.
class MountsFile final : public TextFile {
public:
    MountsFile(const vfs::Path& path, u32 file_flags, const Item& item, Context context, Ref<vfs::MountTree> of)
        : TextFile{path, file_flags, item, std::move(context)}, tree_{std::move(of)}, seen_{tree_->changes.load()} {}
    bool pollable() override { return true; }
    u32 poll() override {
        u64 now = tree_->changes.load(std::memory_order_acquire);
        u32 changed = seen_.exchange(now) == now ? 0 : EPOLLERR | EPOLLPRI;
        return EPOLLIN | EPOLLRDNORM | changed;
    }
    WaitQueue& changed() override { return tree_->changed; }

private:
    const Ref<vfs::MountTree> tree_;
    std::atomic<u64> seen_;
};

/// hostname and domainname: a change since the last look is told once.
class NameFile final : public TextFile {
public:
    NameFile(const vfs::Path& path, u32 file_flags, const Item& item, Context context)
        : TextFile{path, file_flags, item, context},
          names_{context.view->uts},
          count_{(*names_).*item.of_names},
          seen_{count_.load()} {}
    u32 poll() override {
        u32 now = count_.load(std::memory_order_acquire);
        if (seen_.exchange(now) == now) return TextFile::poll();
        return EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLPRI;
    }
    WaitQueue& changed() override { return names_->changed; }

private:
    const Ref<UtsNamespace> names_;
    const std::atomic<u32>& count_;
    std::atomic<u32> seen_;
};

class TextInode final : public Inode {
public:
    TextInode(vfs::Superblock& sb, u64 number, const Item& item, Context context)
        : Inode{sb, number, item.mode, std::move(context), item.restricted}, item_{item} {}
    Result<Ref<File>> open(const vfs::Path& path, u32 flags) override {
        Ref<TextFile> file;
        if (item_.of_memory && !space_of(*context_.task)) return err::srch;
        if (item_.of_mounts) {
            auto tree = mounts_of(*context_.task);
            if (!tree) return err::inval;
            file = TRY(make_ref<MountsFile>(path, flags, item_, context_, std::move(tree)));
        } else if (item_.of_names) {
            file = TRY(make_ref<NameFile>(path, flags, item_, context_));
        } else {
            file = TRY(make_ref<TextFile>(path, flags, item_, context_));
        }
        if (item_.at_open && file->readable()) TRY(file->make());
        return file;
    }
    /// O_TRUNC of a shell's redirection.
    Result<> change(const vfs::AttributeChange& c) override {
        return c.set == vfs::AttributeChange::size_bit ? Result<>{} : Result<>{err::perm};
    }

private:
    const Item& item_;
};

class LinkInode final : public Inode, public vfs::Symlink {
public:
    LinkInode(vfs::Superblock& sb, u64 number, const Item& item, Context context)
        : Inode{sb, number, item.mode, std::move(context), item.restricted}, item_{item} {}
    vfs::Symlink* symlink() override { return this; }
    bool is_magic() const override { return item_.place != nullptr; }
    Result<vfs::Path> jump() override {
        if (auto* who = file::credentials(); who && item_.restricted) TRY(may_inspect(*who, *context_.process));
        return item_.place(context_);
    }
    Result<Ref<const vfs::LinkText>> target() override {
        if (auto* who = file::credentials(); who && item_.restricted) TRY(may_inspect(*who, *context_.process));
        if (item_.target) return vfs::LinkText::create(TRY(item_.target(context_)));
        vfs::Path there = TRY(item_.place(context_));
        TextWriter out;
        vfs::Path root = file::credentials() ? Task::current().fs->root() : there;
        vfs::print_path(out, there, root);
        return vfs::LinkText::create(out.text());
    }

private:
    const Item& item_;
};
} // namespace

bool is_gone(const Context& c) {
    if (!c.process) return false;
    return c.process->state() == ProcessState::dead || (c.task->has_ended() && !c.process->is_led_by(*c.task));
}

vfs::Protection Inode::unpublished_protection() {
    vfs::Protection p{mode_, 0, 0};
    if (!context_.process || !context_.process->dumpable) return p;
    if (auto who = process::credentials_of(*context_.process)) {
        p.uid = (*who)->euid;
        p.gid = (*who)->egid;
    }
    return p;
}

vfs::Attributes Inode::attributes() {
    vfs::Protection p = protection();
    vfs::Attributes a;
    a.number = number();
    a.mode = p.mode;
    a.uid = p.uid;
    a.gid = p.gid;
    a.links = link_count();
    a.block_size = 1024;
    a.access = a.modification = a.change = a.birth = sb().mounted;
    return a;
}

Result<> Inode::permission(const Credentials& who, unsigned may) {
    // A setting that cannot be changed is not opened for writing, not even by the superuser: sysctl has modes of its
    // own.
    if (context_.sysctl && may & vfs::may_write && !(mode_ & 0222)) return err::acces;
    return restricted_ && context_.process ? may_inspect(who, *context_.process) : Result<>{};
}

Result<Ref<vfs::Inode>> make_item(vfs::Superblock& sb, const Item& item, const Context& context, u64 number) {
    if (item.print || item.print_record || item.store) return TRY(make_ref<TextInode>(sb, number, item, context));
    if (item.directory) return item.directory(sb, context, number);
    if (item.children) return TRY(make_ref<ItemDirectory>(sb, number, item.mode, context, *item.children));
    return TRY(make_ref<LinkInode>(sb, number, item, context));
}

Result<Ref<vfs::Inode>> ItemDirectory::lookup(std::string_view name) {
    if (is_gone(context_)) return err::noent;
    for (usize i = 0; i < items_.size(); i++)
        if (items_[i].name == name) return make_item(sb(), items_[i], context_, item_number(number(), i));
    return err::noent;
}

Result<> ItemDirectory::read(DirectorySink& to, u64* at) {
    if (is_gone(context_)) return err::noent;
    for (u64 i = *at < 2 ? 0 : *at - 2; i < items_.size(); i++) {
        if (!to.entry(items_[i].name, item_number(number(), i), file::entry_type(items_[i].mode), i + 3)) return {};
        *at = i + 3;
    }
    return {};
}
} // namespace proc
